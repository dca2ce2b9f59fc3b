/*
 * Faults that end the machine, on request: `hook.fault=N` of the debug build. tests/system/faults.sh
 * names them and says what each must look like from outside.
 */
#pragma once

#ifdef CONFIG_DEBUG
/* Commit the fault that the command line asks for, if any. Boot CPU, all CPUs online. */
void fault_hook_run(void);
#else
static inline void fault_hook_run(void)
{
}
#endif
