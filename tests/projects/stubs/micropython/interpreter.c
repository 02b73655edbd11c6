/* Calls every run, sample and test of the registered module, as main.py does, and one run with a wrong size. */
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "py/runtime.h"

typedef struct { size_t count; mp_buffer_info_t bytes; mp_obj_t items[4]; } object_t;
const mp_obj_type_t mp_type_module = {0};
extern const mp_obj_module_t *const registered_module;
static const char *const names[] = {QSTR_NAMES};
static jmp_buf raised;

void mp_get_buffer_raise(mp_obj_t object, mp_buffer_info_t *buffer, int flags) {
  (void)flags;
  *buffer = ((object_t *)object)->bytes;
}
void mp_raise_ValueError(const char *text) {
  printf("ValueError: %s\n", text);
  longjmp(raised, 1);
}
mp_obj_t mp_obj_new_bytes(const byte *data, size_t bytes) {
  object_t *object = calloc(1, sizeof *object);
  byte *copy = malloc(bytes);
  memcpy(copy, data, bytes);
  object->bytes.buf = copy;
  object->bytes.len = bytes;
  return object;
}
mp_obj_t mp_obj_new_tuple(size_t count, const mp_obj_t *items) {
  object_t *object = calloc(1, sizeof *object);
  object->count = count;
  memcpy(object->items, items, count * sizeof *items);
  return object;
}
mp_obj_t mp_obj_new_bool(intptr_t value) { return (mp_obj_t)value; }

static const function_stub_t *find(const char *stem, const char *end) {
  const mp_obj_dict_t *globals = registered_module->globals;
  char name[64];
  snprintf(name, sizeof name, "%s%s", stem, end);
  for (size_t i = 0; i < globals->used; ++i)
    if (strcmp(names[(intptr_t)globals->table[i].key], name) == 0) return globals->table[i].value;
  return NULL;
}

static void print(const object_t *output) {
  for (size_t i = 0; i < output->count; ++i) print(output->items[i]);
  for (size_t i = 0; i < output->bytes.len; ++i) printf(" %d", ((const byte *)output->bytes.buf)[i]);
}

int main(void) {
  const mp_obj_dict_t *globals = registered_module->globals;
  printf("module %s\n", names[(intptr_t)globals->table[0].value]);
  for (size_t i = 1; i < globals->used; ++i) {
    const char *name = names[(intptr_t)globals->table[i].key], *end = name + 3;
    object_t *sample;
    if (strncmp(name, "run", 3) != 0) continue;
    sample = find("sample", end)->none();
    printf("%s:", end[0] == '_' ? end + 1 : "run");
    print(find("run", end)->var(sample->count, sample->items));
    printf(find("test", end)->none() ? " PASS\n" : " FAIL\n");
    ((object_t *)sample->items[0])->bytes.len -= 1;
    if (setjmp(raised) == 0) find("run", end)->var(sample->count, sample->items);
  }
  return 0;
}
