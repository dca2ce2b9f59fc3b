/* The serial console as a sink of the log. */
#pragma once

/* Bring COM1 up and send the log there. Boot CPU, first of all. */
void console_init(void);
