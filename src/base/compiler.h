/*
 * compiler.h: the few attributes the code asks of the compiler.
 */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#define MUSTCHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define NORETURN __attribute__((noreturn))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
