/* Private to the formats that tell what resident memory consists of. */
#ifndef PYR_REPORT_RESIDENT_H
#define PYR_REPORT_RESIDENT_H

#include "base/json_out.h"
#include "report/text.h"

/* "RSS explained" of the selected process with the most resident memory; nothing where none was recorded. */
int pyr_text_resident(struct pyr_report *report);

/* "resident": of all selected processes. */
int pyr_json_resident(struct pyr_report *report, struct pyr_json *json);

#endif
