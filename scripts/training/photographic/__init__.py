"""Training clips from pictures: objects, motion, camera, rendering, exposure."""
