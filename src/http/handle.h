/*
 * handle.h: the handlers the route table names: form, use case, view.
 *
 * A handler returns a code and leaves the problem document to serve; on ERR_OK
 * the answer is complete but for the headers serve adds.
 */
#ifndef HTTP_HANDLE_H
#define HTTP_HANDLE_H

#include "base/compiler.h"
#include "base/err.h"

struct call;

enum err on_booking_create(struct call *call) MUSTCHECK;
enum err on_booking_list(struct call *call) MUSTCHECK;
enum err on_booking_get(struct call *call) MUSTCHECK;
enum err on_booking_change(struct call *call) MUSTCHECK;
enum err on_booking_cancel(struct call *call) MUSTCHECK;
enum err on_booking_cancel_quote(struct call *call) MUSTCHECK;
enum err on_availability_day(struct call *call) MUSTCHECK;
enum err on_availability_slots(struct call *call) MUSTCHECK;
enum err on_franchise_list(struct call *call) MUSTCHECK;
enum err on_franchise_get(struct call *call) MUSTCHECK;
enum err on_guest_session(struct call *call) MUSTCHECK;
enum err on_health(struct call *call) MUSTCHECK;
enum err on_health_live(struct call *call) MUSTCHECK;
enum err on_openapi(struct call *call) MUSTCHECK;
enum err on_pay(struct call *call) MUSTCHECK;
enum err on_booking_payment(struct call *call) MUSTCHECK;
enum err on_payment_create(struct call *call) MUSTCHECK;
enum err on_payment_get(struct call *call) MUSTCHECK;
enum err on_payment_refund(struct call *call) MUSTCHECK;
enum err on_webhook(struct call *call) MUSTCHECK;
enum err on_booking_qr(struct call *call) MUSTCHECK;
enum err on_checkin(struct call *call) MUSTCHECK;
enum err on_checkout(struct call *call) MUSTCHECK;
enum err on_roster(struct call *call) MUSTCHECK;

#endif
