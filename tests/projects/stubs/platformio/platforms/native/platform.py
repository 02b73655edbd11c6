from platformio.public import PlatformBase


class NativePlatform(PlatformBase):
    """Stands in for the platform of PlatformIO's registry."""
