"""The dermoscopy phantom: lesions by their ABCD features on skin of six types."""
