/* The numbers of edgeq_link.h as JSON; NAMES is given by the test. */
#include <stdio.h>

#include "edgeq_link.h"

#define NUMBER(name) printf("\"%s\": %u,\n", #name, (unsigned)EDGEQ_LINK_##name);

int main(void) {
  puts("{");
  NAMES
  puts("\"\": 0}");
  return 0;
}
