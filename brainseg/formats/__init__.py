"""Where pictures come from: file formats to `brainseg.volumes.Volume`, each checked on reading."""
