"""Encoders: from a prepared input to features, one file an architecture.

`build(space, shape) -> keras.Model` asks the space for its choices. Of images it maps (n, height, width, channels) to a
feature map (n, h, w, features); of steps (n, steps, channels) and a mask (n, steps, 1) to (n, t, features), where t is
the number of steps halved some times, each time rounded up; of columns (n, columns) to (n, features).
"""
