/* treepack: packs a directory into a .tar.gz with a list of SHA-256 sums, on all cores.  What a user of taskscope can
 * learn here: nested scopes, work that must come in an order, bounded memory, cancellation by a signal (treepack_pack.c).
 *
 * This file has the command line, signals, messages and the output files.  The archive and the list are written under
 * temporary names beside their final ones, and renamed when both are complete and on the disk; on every other way out
 * they are removed (SIGKILL leaves OUT.XXXXXX behind). */
#include "treepack.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { EXIT_ALL = 0, EXIT_SOME = 1, EXIT_USAGE = 2, EXIT_NOTHING = 3, EXIT_DEADLINE = 4, EXIT_SIGNAL = 128 };

static const char help[] = "Usage: treepack [OPTION]... DIR\n"
                           "Packs DIR into OUT.tar.gz, and the SHA-256 sums of its files into OUT.sha256.\n"
                           "\n"
                           "  -o OUT.tar.gz         default: DIR's name.tar.gz in the current directory\n"
                           "  -l LEVEL              of compression, 0 to 9; default 6\n"
                           "  -w WORKERS            0 to 512; default 0: one for each core\n"
                           "  -m MAX_MIB            memory, at least 16; default 64\n"
                           "  --deadline SECONDS    give up after that time\n"
                           "  --strict              give up at the first file that is not packed faithfully\n"
                           "  --help\n"
                           "\n"
                           "Names in the archive and in the list are relative to DIR.  To check both:\n"
                           "  tar --compare -zf OUT.tar.gz -C DIR\n"
                           "  (cd DIR && sha256sum --quiet -c) < OUT.sha256\n"
                           "The archive is the same for any number of workers.  Symbolic links are stored,\n"
                           "not followed; sockets are left out.  A file that changes while it is read is\n"
                           "packed at the size that it had at first, with zeros for what is missing, and is\n"
                           "not in the list.  If hard links are too many for the memory, some are packed as\n"
                           "files of their own.\n"
                           "\n"
                           "Exit status:\n"
                           "  0    everything is packed\n"
                           "  1    some files are not, or not faithfully, as told; the rest is packed\n"
                           "  2    the command line is wrong\n"
                           "  3    nothing is written: no space, no memory, or --strict\n"
                           "  4    nothing is written: the deadline passed\n"
                           "  130, 143, 129  nothing is written: SIGINT (Ctrl-C), SIGTERM, SIGHUP\n";

/* --------------------------------------------------------------------------------------------------------- Messages */

#define SHOW_EVERY_SECONDS 0.1
#define BAR_WIDTH 20
#define MB 1e6

static double seconds_since(const struct timespec *then)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - then->tv_sec) + 1e-9 * (double)(now.tv_nsec - then->tv_nsec);
}

double tally_seconds(const struct tally *tally)
{
    return seconds_since(&tally->start);
}

/* Takes the bar away, so that a message doesn't run into it. */
static void clear_bar(const struct tally *tally)
{
    if (tally->terminal)
        fputs("\r\033[K", stderr);
}

void tally_show(struct tally *tally)
{
    if (!tally->terminal || seconds_since(&tally->shown) < SHOW_EVERY_SECONDS)
        return;
    clock_gettime(CLOCK_MONOTONIC, &tally->shown);
    double seconds = tally_seconds(tally);
    double part = tally->total_bytes ? (double)tally->bytes / (double)tally->total_bytes : 1;
    part = part < 1 ? part : 1;
    long left = part > 0 ? (long)(seconds / part - seconds + 0.5) : 0;
    int filled = (int)(part * BAR_WIDTH);
    fprintf(stderr, "\r[%.*s%.*s] %3.0f %%  %llu files  %.1f MB  %.1f MB/s  %ld:%02ld left\033[K", filled,
            "####################", BAR_WIDTH - filled, "....................", 100 * part,
            (unsigned long long)tally->files, (double)tally->bytes / MB, (double)tally->bytes / MB / seconds, left / 60,
            left % 60);
}

/* Control characters are shown in octal: a name must not be able to talk to the terminal. */
static void print_name(const char *name)
{
    for (; *name; name++) {
        if ((unsigned char)*name < ' ' || *name == 127)
            fprintf(stderr, "\\%03o", (unsigned)*name);
        else
            putc(*name, stderr);
    }
}

static const char *advice(int trouble)
{
    switch (trouble) {
    case TROUBLE_SHRANK:
        return "it shrank while it was read: zeros were packed for the rest; pack again when nothing writes to it";
    case TROUBLE_CHANGED:
        return "it changed while it was read: what is packed may be a mixture; pack again when nothing writes to it";
    case TROUBLE_OUTPUT:
        return "it lies in the directory that is packed, and is left out; choose a place outside with -o";
    case TROUBLE_FORMAT:
        return "it has no place in a tar archive, and is not packed; give it a plainer name or remove it";
    case EACCES:
    case EPERM:
        return "not packed; run as a user who may read it, or change its mode";
    case ENOENT:
    case ENOTDIR:
        return "it vanished before it was read, and is not packed; pack again if it is needed";
    case ENAMETOOLONG:
        return "not packed; pack a directory further down by itself, or shorten the names above it";
    case EMFILE:
    case ENFILE:
        return "not packed; raise the limit on open files (ulimit -n)";
    default:
        return "not packed faithfully; check the disk, then pack again";
    }
}

void tally_fail(struct tally *tally, const char *path, int trouble)
{
    tally->failed++;
    clear_bar(tally);
    fputs("treepack: ", stderr);
    print_name(trouble == TROUBLE_OUTPUT ? tally->output : tally->root);
    print_name(trouble == TROUBLE_OUTPUT ? "" : path + 1); /* after the "." */
    if (trouble > 0)
        fprintf(stderr, ": %s", strerror(trouble));
    fprintf(stderr, ": %s\n", advice(trouble));
}

void tally_stop(struct tally *tally, const char *what, const char *why, const char *remedy)
{
    tally->stopped = true;
    clear_bar(tally);
    fputs("treepack: ", stderr);
    print_name(what);
    fprintf(stderr, ": %s; %s\n", why, remedy);
}

static void print_summary(const struct tally *tally, const char *archive)
{
    double seconds = tally_seconds(tally);
    clear_bar(tally);
    printf("%s: %llu files, %.1f MB, packed into %.1f MB in %.2f s (%.1f MB/s)\n", archive,
           (unsigned long long)tally->files, (double)tally->bytes / MB, (double)tally->packed / MB, seconds,
           (double)tally->bytes / MB / seconds);
    if (tally->failed)
        printf("%llu files are missing or not faithful: see the messages above\n", (unsigned long long)tally->failed);
}

/* ---------------------------------------------------------------------------------------------------------- Signals */

/* What the handler needs. */
static struct scope_token *stop_token;
static volatile sig_atomic_t stop_signal;

static void stop_handler(int number)
{
    if (!stop_signal)
        stop_signal = number;
    scope_token_cancel(stop_token);
}

static int catch_signals(double deadline)
{
    static const int stops[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM};
    struct sigaction action = {.sa_handler = stop_handler, .sa_flags = SA_RESTART}, old;
    stop_token = scope_token_create();
    if (!stop_token)
        return ENOMEM;
    for (size_t i = 0; i < sizeof(stops) / sizeof(*stops); i++) {
        /* nohup stays in force. */
        if (sigaction(stops[i], NULL, &old) == 0 && !(stops[i] == SIGHUP && old.sa_handler == SIG_IGN))
            sigaction(stops[i], &action, NULL);
    }
    /* Errors of write tell, and the temporary files are removed. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    time_t whole = (time_t)deadline;
    struct itimerval timer = {.it_value = {whole, (suseconds_t)((deadline - (double)whole) * 1e6)}};
    return deadline > 0 && setitimer(ITIMER_REAL, &timer, NULL) != 0 ? errno : 0;
}

/* ----------------------------------------------------------------------------------------------------- Output files */

struct output {
    char path[PATH_MAX];
    char temporary[PATH_MAX + 8]; /* "" if there is none */
    int fd;
};

static void note_output(struct outputs *outputs, const struct stat *st)
{
    outputs->id[outputs->count].device = st->st_dev;
    outputs->id[outputs->count++].inode = st->st_ino;
}

/* Creates the temporary file; notes it, and an older one under the final name, as not to be packed. */
static const char *output_open(struct output *output, struct outputs *outputs)
{
    struct stat st;
    if (lstat(output->path, &st) == 0) {
        if (!S_ISREG(st.st_mode))
            return "exists and is not a regular file; choose another name with -o";
        note_output(outputs, &st);
    }
    snprintf(output->temporary, sizeof(output->temporary), "%s.XXXXXX", output->path);
    output->fd = mkostemp(output->temporary, O_CLOEXEC);
    if (output->fd < 0) {
        output->temporary[0] = '\0';
        return strerror(errno);
    }
    mode_t mask = umask(0);
    umask(mask);
    if (fchmod(output->fd, 0666 & ~mask) != 0 || fstat(output->fd, &st) != 0)
        return strerror(errno);
    note_output(outputs, &st);
    return NULL;
}

static int output_commit(struct output *output)
{
    if (rename(output->temporary, output->path) != 0)
        return errno;
    output->temporary[0] = '\0';
    return 0;
}

/* What was not committed goes. */
static void output_discard(struct output *output)
{
    if (output->temporary[0])
        unlink(output->temporary);
    output->temporary[0] = '\0';
}

/* The names of what was renamed are on the disk too, or the system can't do better. */
static void sync_directory(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int length = slash ? (int)(slash - path) + 1 : 1;
    snprintf(directory, sizeof(directory), "%.*s", length, slash ? path : ".");
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

/* ----------------------------------------------------------------------------------------------------- Command line */

struct command {
    const char *directory;
    struct output archive, sums;
    double deadline; /* seconds; 0: none */
    bool strict;
    struct pack_options pack;
};

/* Say why nothing is done, and return the exit status. */
static int refuse(const char *what, const char *why)
{
    fprintf(stderr, "treepack: %s: %s\n", what, why);
    return EXIT_NOTHING;
}

static int usage(const char *what, const char *why)
{
    refuse(what, why);
    fputs("Try treepack --help.\n", stderr);
    return EXIT_USAGE;
}

static bool parse_count(const char *text, unsigned long low, unsigned long high, unsigned long *value)
{
    char *end;
    errno = 0;
    *value = strtoul(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && !errno && *value >= low && *value <= high;
}

static bool parse_seconds(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return *text && !*end && *value >= 1e-6 && *value <= 1e9;
}

/* Returns -1 to go on, else the exit status. */
static int parse_option(struct command *command, int option)
{
    unsigned long value;
    switch (option) {
    case 'o':
        if (!*optarg || snprintf(command->archive.path, PATH_MAX, "%s", optarg) >= PATH_MAX)
            return usage("-o", "the name is empty or too long");
        return -1;
    case 'l':
        if (!parse_count(optarg, 0, 9, &value))
            return usage(optarg, "the level must be a number from 0 to 9");
        command->pack.level = (int)value;
        return -1;
    case 'w':
        if (!parse_count(optarg, 0, SCOPE_WORKERS_MAX, &value))
            return usage(optarg, "the number of workers must be from 0 to 512");
        command->pack.workers = (unsigned)value;
        return -1;
    case 'm':
        if (!parse_count(optarg, PACK_MEMORY_MIN >> 20, SIZE_MAX >> 21, &value))
            return usage(optarg, "the memory must be a number of MiB, at least 16");
        command->pack.memory = (size_t)value << 20;
        return -1;
    case 'd':
        if (!parse_seconds(optarg, &command->deadline))
            return usage(optarg, "the deadline must be a number of seconds above 0");
        return -1;
    case 's':
        command->strict = true;
        return -1;
    case 'h':
        fputs(help, stdout);
        return EXIT_ALL;
    default:
        fputs("Try treepack --help.\n", stderr);
        return EXIT_USAGE;
    }
}

/* OUT.tar.gz is called after the directory unless -o was given; OUT.sha256 after OUT.tar.gz.  Returns as parse_option. */
static int name_outputs(struct command *command)
{
    char real[PATH_MAX];
    char *archive = command->archive.path;
    if (!*archive) {
        if (!realpath(command->directory, real))
            return usage(command->directory, strerror(errno));
        const char *name = strrchr(real, '/') + 1;
        if (snprintf(archive, PATH_MAX, "%s.tar.gz", *name ? name : "root") >= PATH_MAX)
            return usage(name, strerror(ENAMETOOLONG));
    }
    size_t length = strlen(archive);
    if (length > 7 && strcmp(archive + length - 7, ".tar.gz") == 0)
        length -= 7;
    else if (length > 4 && strcmp(archive + length - 4, ".tgz") == 0)
        length -= 4;
    if (snprintf(command->sums.path, PATH_MAX, "%.*s.sha256", (int)length, archive) >= PATH_MAX)
        return usage(archive, strerror(ENAMETOOLONG));
    return -1;
}

static int parse(struct command *command, int argc, char **argv)
{
    static const struct option names[] = {{"deadline", required_argument, NULL, 'd'},
                                          {"strict", no_argument, NULL, 's'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "o:l:w:m:", names, NULL)) != -1;) {
        int status = parse_option(command, option);
        if (status >= 0)
            return status;
    }
    if (optind + 1 != argc)
        return usage(optind < argc ? argv[optind + 1] : "DIR", optind < argc ? "only one DIR, please" : "is missing");
    command->directory = argv[optind];
    return name_outputs(command);
}

/* ------------------------------------------------------------------------------------------------------------- Main */

/* Puts both files under their final names, the archive last. */
static int commit(struct command *command, struct tally *tally)
{
    struct output *sums = &command->sums, *archive = &command->archive;
    if (fflush(command->pack.sums) != 0 || fsync(sums->fd) != 0 || output_commit(sums) != 0) {
        tally_stop(tally, sums->path, strerror(errno), OUTPUT_REMEDY);
        return EXIT_NOTHING;
    }
    if (fsync(archive->fd) != 0 || output_commit(archive) != 0) {
        tally_stop(tally, archive->path, strerror(errno), OUTPUT_REMEDY);
        unlink(sums->path); /* it speaks of an archive that isn't there */
        return EXIT_NOTHING;
    }
    sync_directory(archive->path);
    print_summary(tally, archive->path);
    return tally->failed ? EXIT_SOME : EXIT_ALL;
}

static int stopped(const struct tally *tally)
{
    clear_bar(tally);
    if (stop_signal == SIGALRM) {
        fputs("treepack: the deadline passed; nothing was written\n", stderr);
        return EXIT_DEADLINE;
    }
    fprintf(stderr, "treepack: %s; nothing was written\n", strsignal(stop_signal));
    return EXIT_SIGNAL + stop_signal;
}

static int pack_directory(struct command *command, int root)
{
    struct tally tally = {.root = command->directory,
                          .output = command->archive.path,
                          .strict = command->strict,
                          .terminal = isatty(STDERR_FILENO)};
    clock_gettime(CLOCK_MONOTONIC, &tally.start);
    tally.shown = tally.start;
    if (tally.terminal)
        tally.total_bytes = walk_measure(root, command->pack.memory / 8, stop_token);
    command->pack.token = stop_token;
    command->pack.archive = command->archive.fd;
    command->pack.archive_path = command->archive.path;
    command->pack.sums_path = command->sums.path;
    int status = pack(&command->pack, root, &tally);
    if (stop_signal)
        return stopped(&tally);
    if (status != SCOPE_OK) {
        fputs("treepack: nothing was written\n", stderr);
        return EXIT_NOTHING;
    }
    return commit(command, &tally);
}

static int open_outputs(struct command *command)
{
    struct outputs *outputs = &command->pack.outputs;
    const char *why = output_open(&command->archive, outputs);
    if (why)
        return refuse(command->archive.path, why);
    why = output_open(&command->sums, outputs);
    if (why)
        return refuse(command->sums.path, why);
    command->pack.sums = fdopen(command->sums.fd, "w");
    return command->pack.sums ? -1 : refuse(command->sums.path, strerror(errno));
}

int main(int argc, char **argv)
{
    static struct command command = {.directory = ".", .pack = {.level = 6, .memory = (size_t)64 << 20}};
    int status = parse(&command, argc, argv);
    if (status >= 0)
        return status;
    int root = open(command.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return usage(command.directory, strerror(errno));
    int error = catch_signals(command.deadline);
    if (error)
        return refuse("starting", strerror(error));
    status = open_outputs(&command);
    if (status < 0)
        status = pack_directory(&command, root);
    output_discard(&command.archive);
    output_discard(&command.sums);
    if (command.pack.sums)
        fclose(command.pack.sums);
    close(root);
    /* The token stays: a signal may come until the end. */
    return status;
}
