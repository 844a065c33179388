#include "live.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct pyr_live {
    FILE *terminal;
    SCREEN *screen;
};

static int open_screen(struct pyr_live *live)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    live->terminal = fd < 0 ? NULL : fdopen(fd, "r+");
    if (!live->terminal)
        return -1;
    setlocale(LC_CTYPE, "");
    live->screen = newterm(NULL, live->terminal, live->terminal);
    return live->screen ? 0 : -1;
}

int pyr_live_open(struct pyr_live **out, struct pyr_err *err)
{
    struct pyr_live *live = calloc(1, sizeof *live);
    if (!live)
        return pyr_err_set(err, PYR_E_NOMEM, "%s", pyr_status_text(PYR_E_NOMEM));
    if (open_screen(live) < 0) {
        if (live->terminal)
            fclose(live->terminal);
        free(live);
        return pyr_err_set(err, PYR_E_UNSUPPORTED,
                           "no terminal that can show it (is TERM right?); record with `pyrometer attach` instead");
    }
    cbreak();
    noecho();
    curs_set(0);
    nodelay(stdscr, TRUE);
    *out = live;
    return 0;
}

void pyr_live_close(struct pyr_live *live)
{
    if (!live)
        return;
    endwin();
    delscreen(live->screen);
    fclose(live->terminal);
    free(live);
}

int pyr_live_fd(const struct pyr_live *live)
{
    return fileno(live->terminal);
}

int pyr_live_key(struct pyr_live *live)
{
    (void)live;
    int key = getch();
    return key == ERR ? -1 : key;
}

unsigned pyr_live_rows(const struct pyr_live *live)
{
    (void)live;
    return (unsigned)LINES;
}

/* SIGWINCH is blocked like the others: the size is asked for at each showing instead. */
static void follow_size(const struct pyr_live *live)
{
    struct winsize size;
    if (ioctl(fileno(live->terminal), TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col &&
        (size.ws_row != LINES || size.ws_col != COLS))
        resizeterm(size.ws_row, size.ws_col);
}

static void show_line(int row, const char *line, size_t length)
{
    move(row, 0);
    /* A wide character counts more bytes than columns: what is cut is cut by bytes, at a character's start. */
    size_t room = (size_t)COLS;
    if (length > room)
        for (length = room; length && (line[length] & 0xc0) == 0x80;)
            length--;
    addnstr(line, (int)length);
}

void pyr_live_show(struct pyr_live *live, const char *title, const char *text)
{
    follow_size(live);
    erase();
    attron(A_REVERSE);
    show_line(0, title, strlen(title));
    attroff(A_REVERSE);
    for (int row = 1; row < LINES && *text; row++) {
        size_t length = strcspn(text, "\n");
        show_line(row, text, length);
        text += length;
        text += *text == '\n';
    }
    refresh();
}
