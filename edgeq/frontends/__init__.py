"""Model files become graphs: `edgeq.frontends.detect.load_model` chooses the reader."""
