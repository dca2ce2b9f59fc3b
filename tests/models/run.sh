#!/bin/sh
# Check the models of locks, calls, shootdowns and slabs with spin: the true ones hold, each mutated one is caught.
#
# usage: tests/models/run.sh [BUILD-DIR]     TAP on standard output; exit 0 when all is as it should be
#
# Each search is bounded in time; one that does not finish is a failure, not a pass.
set -u

here=$(cd "$(dirname "$0")" && pwd)
build=${1:-$here/../../build/models}
seconds=120
number=0
failed=0

mkdir -p "$build" || exit 1
cd "$build" || exit 1

# verdict WANTED MODEL CLAIM FLAGS...: search, and compare "holds" or "fails" with what is wanted.
verdict() {
	wanted=$1 model=$2 claim=$3
	shift 3
	number=$((number + 1))
	what="$model $*${claim:+ $claim}"
	rm -f pan pan.* ./*.trail
	options="-DSAFETY"
	search="-m100000"
	if [ -n "$claim" ]; then
		options="-DNFAIR=3"
		search="-m1000000 -a -f -N $claim"
	fi
	# shellcheck disable=SC2086
	if ! spin -a "$@" "$here/$model.pml" >spin.out 2>&1 ||
	   ! gcc -O1 -w -DCOLLAPSE -DVECTORSZ=2048 -DMEMLIM=1500 $options -o pan pan.c >gcc.out 2>&1; then
		echo "not ok $number - $what # does not build"
		failed=$((failed + 1))
		return
	fi
	# shellcheck disable=SC2086
	timeout "$seconds" ./pan $search >pan.out 2>&1
	status=$?
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.out)
	if [ $status -ne 0 ] || grep -q 'max search depth too small\|out of memory' pan.out; then
		found=unfinished
	elif grep -q 'errors: 0' pan.out; then
		found=holds
	else
		found=fails
	fi
	if [ "$found" = "$wanted" ]; then
		echo "ok $number - $what: $found, $states states"
	else
		echo "not ok $number - $what: $found, should be: $wanted"
		sed -n 's/^pan:[0-9]*: /#   /p; s/^pan: /#   /p' pan.out
		failed=$((failed + 1))
	fi
}

verdict holds spinlock "" -DCPUS=3 -DROUNDS=2
verdict holds spinlock "" -DCPUS=4 -DROUNDS=1
verdict holds spinlock "" -DCPUS=2 -DROUNDS=2 -DIRQS
for mutation in NO_LINK_WAIT TAIL_NOT_EXCHANGED HEAD_IGNORES_PENDING NOT_COMPARED PENDING_LEFT \
		PENDING_IN_TWO_STEPS; do
	verdict fails spinlock "" -DCPUS=4 -DROUNDS=1 "-DMUTATE_$mutation"
done
verdict fails spinlock "" -DCPUS=2 -DROUNDS=2 -DIRQS -DMUTATE_LATE_CLAIM

verdict holds rwlock "" -DREADERS=2 -DWRITERS=2
verdict holds rwlock "" -DREADERS=2 -DWRITERS=1 -DIRQS
verdict holds rwlock writer_gets_in -DREADERS=2 -DWRITERS=1 -DENDLESS
verdict holds rwlock reader_gets_in -DREADERS=1 -DWRITERS=2 -DENDLESS
verdict fails rwlock "" -DREADERS=2 -DWRITERS=1 -DIRQS -DMUTATE_IRQ_QUEUES
verdict fails rwlock "" -DREADERS=2 -DWRITERS=2 -DMUTATE_SHARE_AFTER_WAIT
verdict fails rwlock "" -DREADERS=2 -DWRITERS=2 -DMUTATE_WRITER_IGNORES_SHARES
verdict fails rwlock "" -DREADERS=2 -DWRITERS=2 -DMUTATE_WRITER_CLEARS_WORD
verdict fails rwlock writer_gets_in -DREADERS=2 -DWRITERS=1 -DENDLESS -DMUTATE_WAITING_UNSEEN

verdict holds call_queue ""
verdict holds call_queue "" -DIRQS_OFF
verdict holds call_queue "" -DCOLLECT
for mutation in EMPTY_BEFORE_PUSH ACK_AFTER_TAKE TAKE_ONE TOUCH_AFTER_DONE; do
	verdict fails call_queue "" "-DMUTATE_$mutation"
done
verdict fails call_queue "" -DIRQS_OFF -DMUTATE_NO_SERVE
verdict fails call_queue "" -DCOLLECT -DMUTATE_NO_KICK_BEFORE_WAIT

verdict holds call_offline ""
for mutation in DRAIN_BEFORE_CLEAR NO_HANDSHAKE IRQS_ON; do
	verdict fails call_offline "" "-DMUTATE_$mutation"
done
verdict holds call_stop "" -DCPUS=4
verdict fails call_stop "" -DCPUS=4 -DMUTATE_TOGETHER

verdict holds tlb ""
verdict holds tlb "" -DTABLES
for mutation in GENERATION_FIRST LAZY_NO_COMPARE LAZY_READS_FIRST BIT_SET_LATE FREED_EARLY \
		SPACE_PUBLISHED_LATE; do
	verdict fails tlb "" "-DMUTATE_$mutation"
done
for mutation in ACK_BEFORE_FLUSH BIT_CLEARED_EARLY TABLES_SPARE_LAZY SEEN_TORN; do
	verdict fails tlb "" -DTABLES "-DMUTATE_$mutation"
done
verdict holds tlb "" -DFLUSHERS=2 -DROUNDS=1 -DSTEPS=0
for mutation in RECENT_UNCHECKED RECENT_SKIPS; do
	verdict fails tlb "" -DFLUSHERS=2 -DROUNDS=1 -DSTEPS=0 "-DMUTATE_$mutation"
done

verdict holds slab ""
verdict holds slab "" -DCPUS=2 -DOPS=5 -DCELLS=3
for mutation in FULL_TO_LISTED UNLISTED_TO_EMPTY TAKE_EMPTY LET_GO_UNCHECKED; do
	verdict fails slab "" "-DMUTATE_$mutation"
done

echo "1..$number"
echo "# $((number - failed)) passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
