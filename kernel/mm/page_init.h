/*
 * How frames come under the page allocator, at boot and from what boot gives back later.
 */
#pragma once

#include "lib/types.h"

/*
 * Free the frame at @phys if it was in use since before page_init(); whether it was. Frames that
 * were never RAM, and those that the page allocator has given out, are left alone. Any context but
 * NMI.
 */
bool page_adopt(uint64_t phys);
