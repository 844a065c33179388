#include "dump/take.h"

static int write_data(struct pyr_dump_data *data, const struct pyr_dump_options *options, FILE *out,
                      struct pyr_err *err)
{
    if (options->json)
        pyr_dump_json(data, options, out);
    else
        pyr_dump_text(data, options, out);
    return fflush(out) != 0 || ferror(out) ? pyr_err_set(err, PYR_E_IO, "cannot write the stacks") : 0;
}

int pyr_dump(pid_t pid, const struct pyr_dump_options *options, FILE *out, struct pyr_err *err)
{
    struct pyr_dump_data data;
    int rc = pyr_dump_take(&data, pid, options->locals, err);
    if (rc == 0)
        rc = write_data(&data, options, out, err);
    pyr_dump_release(&data);
    return rc;
}

int pyr_dump_core(const char *core, const char *root, const struct pyr_dump_options *options, FILE *out,
                  struct pyr_err *err)
{
    struct pyr_dump_data data;
    int rc = pyr_dump_take_core(&data, core, root, options->locals, err);
    if (rc == 0)
        rc = write_data(&data, options, out, err);
    pyr_dump_release(&data);
    return rc;
}
