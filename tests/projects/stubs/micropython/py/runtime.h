/* What the module uses of MicroPython's C API, after its documentation: enough to compile it and to call it from C.
 * qstrs.h is made of the MP_QSTR_ names in the module, as MicroPython makes its own. */
#ifndef MICROPYTHON_STUB_H
#define MICROPYTHON_STUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qstrs.h"

typedef unsigned char byte;
typedef void *mp_obj_t;
typedef struct { size_t len; const void *buf; } mp_buffer_info_t;
typedef struct { int kind; } mp_obj_type_t;
typedef struct { const mp_obj_type_t *type; } mp_obj_base_t;
typedef struct { const void *key; const void *value; } mp_rom_map_elem_t;
typedef struct { size_t used; const mp_rom_map_elem_t *table; } mp_obj_dict_t;
typedef struct { mp_obj_base_t base; mp_obj_dict_t *globals; } mp_obj_module_t;
typedef struct { size_t least, most; mp_obj_t (*var)(size_t, const mp_obj_t *); mp_obj_t (*none)(void); } function_stub_t;
extern const mp_obj_type_t mp_type_module;

#define MP_BUFFER_READ 1
#define MP_ERROR_TEXT(text) (text)
#define mp_const_none ((mp_obj_t)0)
void mp_get_buffer_raise(mp_obj_t object, mp_buffer_info_t *buffer, int flags);
__attribute__((noreturn)) void mp_raise_ValueError(const char *text);
mp_obj_t mp_obj_new_bytes(const byte *data, size_t bytes);
mp_obj_t mp_obj_new_tuple(size_t count, const mp_obj_t *items);
mp_obj_t mp_obj_new_bool(intptr_t value);

#define MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(name, least, most, function) const function_stub_t name = {least, most, function, NULL}
#define MP_DEFINE_CONST_FUN_OBJ_0(name, function) const function_stub_t name = {0, 0, NULL, function}
#define MP_ROM_QSTR(name) ((const void *)(intptr_t)(name))
#define MP_ROM_PTR(pointer) (pointer)
#define MP_DEFINE_CONST_DICT(name, entries) \
  const mp_obj_dict_t name = {sizeof(entries) / sizeof((entries)[0]), entries}
#define MP_REGISTER_MODULE(name, module) const mp_obj_module_t *const registered_module = &module

#endif
