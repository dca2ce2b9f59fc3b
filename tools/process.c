/*
 * Children and signals.
 */
#include "tools/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/memory.h"

static volatile sig_atomic_t stop_signal;

char *process_find(const char *program)
{
	const char *path = getenv("PATH");

	for (const char *folder = path ? path : "/usr/bin:/bin"; *folder;) {
		size_t length = strcspn(folder, ":");
		char *file = memory_format("%.*s/%s", (int)length, length ? folder : ".", program);

		if (!access(file, X_OK))
			return file;
		free(file);
		folder += length + (folder[length] == ':');
	}
	return NULL;
}

/* Make `from` (or /dev/null) the child's descriptor `to`. */
static void place_stream(int from, int to)
{
	if (from < 0)
		from = open("/dev/null", to == STDIN_FILENO ? O_RDONLY : O_WRONLY);
	if (from != to)
		dup2(from, to);
	else
		fcntl(to, F_SETFD, 0);
}

static __noreturn void run_child(char *const argv[], const struct process_streams *streams,
				 bool own_group, int parent, int report_fd)
{
	static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
	int error;

	for (size_t i = 0; i < ARRAY_SIZE(caught); i++)
		signal(caught[i], SIG_DFL);
	if (own_group)
		setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before the line above */
		_exit(127);
	place_stream(streams->in, STDIN_FILENO);
	place_stream(streams->out, STDOUT_FILENO);
	place_stream(streams->error, STDERR_FILENO);
	execvp(argv[0], argv);
	error = errno;
	if (write(report_fd, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

int process_start(struct process *process, char *const argv[],
		  const struct process_streams *streams, bool own_group)
{
	int report[2], error = 0;
	int parent = getpid();
	ssize_t bytes;

	*process = (struct process){0};
	if (pipe2(report, O_CLOEXEC))
		return -errno;
	process->pid = fork();
	if (process->pid < 0) {
		error = errno;
		process->pid = 0;
		close(report[0]);
		close(report[1]);
		return -error;
	}
	if (!process->pid)
		run_child(argv, streams, own_group, parent, report[1]);
	close(report[1]);
	/* The pipe closes by itself when the program is executed. */
	do
		bytes = read(report[0], &error, sizeof(error));
	while (bytes < 0 && errno == EINTR);
	close(report[0]);
	if (bytes != sizeof(error))
		return 0;
	waitpid(process->pid, NULL, 0);
	process->pid = 0;
	return -error;
}

static bool reap(struct process *process, int flags)
{
	int pid;

	if (process->has_ended || !process->pid)
		return process->has_ended;
	do
		pid = waitpid(process->pid, &process->status, flags);
	while (pid < 0 && errno == EINTR);
	if (pid == process->pid) {
		process->pid = 0;
		process->has_ended = true;
	}
	return process->has_ended;
}

bool process_has_ended(struct process *process)
{
	return reap(process, WNOHANG);
}

void process_kill(struct process *process)
{
	if (!process->pid)
		return;
	if (kill(-process->pid, SIGKILL))
		kill(process->pid, SIGKILL);
	reap(process, 0);
}

char *process_read_output(char *const argv[])
{
	struct process process;
	struct bytes output = {0};
	int fds[2];
	char chunk[4096];
	ssize_t bytes;

	if (pipe2(fds, O_CLOEXEC))
		return NULL;
	if (process_start(&process, argv, &(struct process_streams){-1, fds[1], -1}, true)) {
		close(fds[0]);
		close(fds[1]);
		return NULL;
	}
	close(fds[1]);
	while ((bytes = read(fds[0], chunk, sizeof(chunk))) > 0 || (bytes < 0 && errno == EINTR))
		if (bytes > 0)
			bytes_add(&output, chunk, (size_t)bytes);
	close(fds[0]);
	reap(&process, 0);
	bytes_add(&output, "", 1);
	if (WIFEXITED(process.status) && !WEXITSTATUS(process.status))
		return output.data;
	free(output.data);
	return NULL;
}

static void note_signal(int number)
{
	stop_signal = number;
}

void process_catch_signals(void)
{
	struct sigaction action = {.sa_handler = note_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int process_stop_signal(void)
{
	return stop_signal;
}

double process_now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
