"""What the service is built from: the locks, their audit, the image.  ``./run audit`` asks for advisories."""
