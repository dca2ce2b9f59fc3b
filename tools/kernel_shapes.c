/*
 * Shapes that have broken kernels: one CPU, uneven splits, nodes without memory or without CPUs,
 * distances that differ by direction, the largest machine, and another simulator.
 */
#include "tools/kernel_shapes.h"

const struct kernel_shape kernel_shapes[] = {
	/* Without those whose every answer takes a lap over all CPUs; 64/8 runs them. */
	{"255/64", "--cpus 255 --nodes 64 --mem 4G", 900,
	 "apic,call,clock,cpu,idle,ioapic,ipi,lockdep,lockstat,pci,percpu,preempt,results,rwlock,"
	 "seqcount,smp,spinlock,timer,tlb,trap"},
	{"bochs-4", "--machine bochs --cpus 4 --mem 128M", 400, NULL},
	{"64/8", "--cpus 64 --nodes 8", 600, NULL},
	{"8/4-distances",
	 "--cpus 8 --nodes 4 --distance 0,1=15 --distance 1,0=25 --distance 0,3=255 --distance "
	 "2,3=11",
	 200, NULL},
	{"5/3", "--cpus 5 --nodes 3 --mem 200M", 200, NULL},
	{"4/2", "--cpus 4 --nodes 2", 200, NULL},
	{"4/2-host-clock", "--cpus 4 --nodes 2 --no-icount", 200, NULL},
	{"memoryless-node", "--node 256M,cpus=0-1 --node 0,cpus=2-3 --node 64M,cpus=4", 200, NULL},
	{"node-without-cpus", "--node 128M --node 128M,cpus=0-3", 200, NULL},
	{"threads", "--cpus 8 --nodes 2 --threads 2 --mem 64M", 200, NULL},
	{"2/1", "--cpus 2 --nodes 1", 200, NULL},
	{"1/1", "--cpus 1", 200, NULL},
};

const size_t kernel_shape_count = ARRAY_SIZE(kernel_shapes);
