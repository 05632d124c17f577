// A country code as the driver packs it; the emulated radio ignores it.
#define CYW43_COUNTRY(first, second, revision) ((unsigned char)(first) | ((unsigned char)(second) << 8) | ((revision) << 16))
