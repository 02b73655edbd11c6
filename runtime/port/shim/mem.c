/* memcpy, memmove, memset, memcmp for programs that link no C library.
 *
 * Word loops where the pointers allow it: a plain byte loop would show up in instruction counts.
 * Built with -fno-builtin, or the compiler would turn these loops into calls to themselves. */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *destination, const void *source, size_t bytes);
void *memmove(void *destination, const void *source, size_t bytes);
void *memset(void *destination, int value, size_t bytes);
int memcmp(const void *left, const void *right, size_t bytes);

/* Any object may be reached through it, whatever its declared type. */
typedef uint32_t __attribute__((may_alias)) edgeq_word_t;

static int aligned(const void *pointer) {
  return ((uintptr_t)pointer & (sizeof(edgeq_word_t) - 1u)) == 0u;
}

void *memcpy(void *destination, const void *source, size_t bytes) {
  uint8_t *to = destination;
  const uint8_t *from = source;
  if (aligned(to) && aligned(from)) {
    edgeq_word_t *to_word = destination;
    const edgeq_word_t *from_word = source;
    for (; bytes >= 16u; bytes -= 16u) {
      to_word[0] = from_word[0];
      to_word[1] = from_word[1];
      to_word[2] = from_word[2];
      to_word[3] = from_word[3];
      to_word += 4;
      from_word += 4;
    }
    for (; bytes >= 4u; bytes -= 4u) {
      *to_word++ = *from_word++;
    }
    to = (uint8_t *)to_word;
    from = (const uint8_t *)from_word;
  }
  while (bytes-- != 0u) {
    *to++ = *from++;
  }
  return destination;
}

void *memmove(void *destination, const void *source, size_t bytes) {
  uint8_t *to = destination;
  const uint8_t *from = source;
  if ((uintptr_t)to <= (uintptr_t)from || (uintptr_t)to >= (uintptr_t)from + bytes) {
    return memcpy(destination, source, bytes);
  }
  while (bytes-- != 0u) {
    to[bytes] = from[bytes];
  }
  return destination;
}

void *memset(void *destination, int value, size_t bytes) {
  uint8_t *to = destination;
  const uint8_t byte = (uint8_t)value;
  if (aligned(to)) {
    edgeq_word_t *to_word = destination;
    const edgeq_word_t word = byte * 0x01010101u;
    for (; bytes >= 4u; bytes -= 4u) {
      *to_word++ = word;
    }
    to = (uint8_t *)to_word;
  }
  while (bytes-- != 0u) {
    *to++ = byte;
  }
  return destination;
}

int memcmp(const void *left, const void *right, size_t bytes) {
  const uint8_t *a = left;
  const uint8_t *b = right;
  for (; bytes != 0u; bytes--, a++, b++) {
    if (*a != *b) {
      return (int)*a - (int)*b;
    }
  }
  return 0;
}
