"""The model as a file for other programs, with its preprocessing inside: ONNX, OpenVINO, LiteRT, SavedModel."""
