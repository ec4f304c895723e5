/*
 * payments_look.h: bookingctl payments list, show, retry and refund.
 */
#ifndef CTL_PAYMENTS_LOOK_H
#define CTL_PAYMENTS_LOOK_H

struct command;
struct ctl;

extern const struct command payments_list_command;
extern const struct command payments_show_command;
extern const struct command payments_retry_command;
extern const struct command payments_refund_command;

int payments_list(struct ctl *ctl, int argc, char **argv);
int payments_show(struct ctl *ctl, int argc, char **argv);
int payments_retry(struct ctl *ctl, int argc, char **argv);
int payments_refund(struct ctl *ctl, int argc, char **argv);

#endif
