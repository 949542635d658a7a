"""The data set: finding and checking its slices, listing them, and splitting them into subsets."""
