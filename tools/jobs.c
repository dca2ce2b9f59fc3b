/*
 * A small scheduler of child processes.
 */
#include "tools/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/exits.h"
#include "tools/say.h"

#define POLL_US	      20000
#define GRACE_S	      5.0 /* for a job to tidy up after SIGTERM */
#define STATUS_ABSENT 127

static void start(struct job *job)
{
	int fd = open(job->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int error;

	job->start_s = process_now_s();
	if (fd < 0) {
		error = -errno;
	} else {
		error = process_start(&job->process, job->command.words,
				      &(struct process_streams){-1, fd, fd}, true);
		close(fd);
	}
	if (!error)
		return;
	say("%s: %s", fd < 0 ? job->log : job->command.words[0], strerror(-error));
	job->process.has_ended = true;
	job->process.status = STATUS_ABSENT << 8;
}

/* SIGTERM first: a job that is `fanga` itself then takes its simulator along. */
static void stop(struct job *job)
{
	double start_s = process_now_s();

	if (job->process.pid)
		kill(-job->process.pid, SIGTERM);
	while (!process_has_ended(&job->process) && process_now_s() - start_s < GRACE_S)
		usleep(POLL_US);
	process_kill(&job->process);
}

static void finish(struct job *job)
{
	int status = job->process.status;

	job->seconds = process_now_s() - job->start_s;
	job->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	job->ended(job);
}

static bool is_running(const struct job *job)
{
	return job->start_s > 0 && job->seconds == 0;
}

int jobs_run(struct job *jobs, size_t count, unsigned slots)
{
	size_t next = 0, ended = 0, running = 0;

	while (ended < count) {
		if (process_stop_signal()) {
			for (size_t i = 0; i < next; i++)
				if (is_running(&jobs[i]))
					stop(&jobs[i]);
			return EXIT_INTERRUPTED;
		}
		for (; next < count && running < slots; next++, running++)
			start(&jobs[next]);
		for (size_t i = 0; i < next; i++) {
			struct job *job = &jobs[i];

			if (!is_running(job))
				continue;
			if (!process_has_ended(&job->process)) {
				if (process_now_s() - job->start_s < job->limit_s)
					continue;
				job->is_late = true;
				stop(job);
			}
			finish(job);
			running--;
			ended++;
		}
		usleep(POLL_US);
	}
	return 0;
}
