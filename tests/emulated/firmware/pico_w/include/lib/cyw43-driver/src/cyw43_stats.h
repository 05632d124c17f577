// The driver's statistics: none.
#define CYW43_STAT_INC(name)
