"""sql.py: the two statements of a create as a pgbench script, out of
sql/queries, so that what is measured is what the API sends."""

import datetime
import re

# Which value each parameter has.  An expression over pgbench's variables, or
# the name of a sample's value, which is sent as a parameter, as the API does.
ID = "lpad(:id{n}::text, 32, '0')"  # rising, as the API's are in time

QUOTE = {
    1: "franchise", 2: "from", 3: "null", 4: "null",
}
PLACE = {
    1: ID.format(n=0), 2: "customer", 3: "franchise", 4: "1",
    5: "from", 6: "until", 7: "60",
    8: "'pending'", 9: "'pending'", 10: "3750", 11: "'USD'",
    12: "gen_random_uuid()", 13: ":code", 14: ":hold",
    15: ":data_key", 16: ":line_items", 17: "'{48,24}'", 18: "'{100,50}'",
    19: "0",
    20: ID.format(n=1), 21: ":contact", 22: ":email",
    23: "array[" + ID.format(n=2) + "]", 24: "array[gen_random_uuid()]",
    25: "'{5}'", 26: ":child",
    27: "'{events,bookings}'", 28: "'{BookingCreated,expire}'",
    29: "array[" + ID.format(n=3) + ", " + ID.format(n=4) + "]",
    30: ":facts", 31: ":sealed", 32: ":due",
    33: "null", 34: "null", 35: "null", 36: "null",
    37: "1000000", 38: "null", 39: "1000000",
    40: "null",  # no attempt to pay: the instance has no Stripe
}
NAMED = {
    "franchise": "('00000000-0000-4000-9000-' || lpad(:f::text, 12, '0'))",
    "customer": "('00000000-0000-4000-a000-' || lpad(:c::text, 12, '0'))",
    "from": "to_timestamp(:t::float8)", "until": "to_timestamp(:until::float8)",
}


class Script:
    def __init__(self, queries, sample, today, franchises, days, customers):
        self.sample = sample
        midnight = int(datetime.datetime(
            today.year, today.month, today.day,
            tzinfo=datetime.timezone.utc).timestamp())
        found = self.read(queries.read_text())
        self.text = "\n".join([
            "\\set n :n + 10",
            *(f"\\set id{n} :base + :client_id * 1000000000000 + :n + {n}"
              for n in range(5)),
            f"\\set f random(1, {franchises})",
            f"\\set c random(1, {customers})",
            f"\\set t {midnight} + 86400 * random(1, {days}) "
            "+ 3600 * random(8, 16)",
            "\\set until :t + 7200",
            "\\set code random(100000000000, 999999999999999)",
            self.fit("booking_quote", found, QUOTE),
            self.fit("booking_place", found, PLACE)])

    @staticmethod
    def read(text):
        parts = re.split(r"^-- :name (\w+).*$", text, flags=re.M)
        return {name: re.sub(r"^--.*$", "", query, flags=re.M).strip()
                for name, query in zip(parts[1::2], parts[2::2])}

    @staticmethod
    def fit(name, found, values):
        """The statement with its parameters' values."""
        query = found[name]
        there = {int(n) for n in re.findall(r"\$(\d+)", query)}
        if there != set(values):
            raise SystemExit(f"bench: {name} has other parameters than "
                             f"bench/sql.py knows: {there ^ set(values)}")

        def value(match):
            text = values[int(match[1])]
            text = NAMED.get(text, text)
            # Our own casts follow a parameter and bind closer than ||.
            return text if re.fullmatch(r":?\w+|'[^']*'", text) \
                else f"({text})"
        return re.sub(r"\$(\d+)", value, query).rstrip(";") + ";"

    def variables(self, seed):
        words = ["-D", "n=0", "-D", f"base={seed * 10 ** 16}"]
        for name, value in self.sample.items():
            words += ["-D", f"{name}={value}"]
        return words
