"""What the doctor says of an instance that runs."""
import json


def test_the_doctor_reads_what_the_pool_thinks_of_the_outside(world):
    found = {f["what"]: f for f in json.loads(world.ctl("doctor", "--json"))["data"]}
    for service in ("stripe", "sqs", "s3"):
        assert found[f"breaker {service}"]["level"] == "ok"
        assert found[f"breaker {service}"]["detail"].startswith("closed, 0 failures in a row")
    assert found["bulkhead"]["level"] == "ok"
    assert found["bulkhead"]["detail"].startswith("0 of ")
