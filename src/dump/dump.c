#include "dump/take.h"

int pyr_dump(pid_t pid, const struct pyr_dump_options *options, FILE *out, struct pyr_err *err)
{
    struct pyr_dump_data data;
    int rc = pyr_dump_take(&data, pid, options->locals, err);
    if (rc == 0) {
        if (options->json)
            pyr_dump_json(&data, options, out);
        else
            pyr_dump_text(&data, options, out);
        if (fflush(out) != 0 || ferror(out))
            rc = pyr_err_set(err, PYR_E_IO, "cannot write the stacks");
    }
    pyr_dump_release(&data);
    return rc;
}
