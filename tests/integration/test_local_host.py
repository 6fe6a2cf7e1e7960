"""`HOST=0.0.0.0 make run`: containers reach what runs on this machine (`sam local invoke`)."""

import json
import re
import socket
import sys
from pathlib import Path

import pytest
import urllib3

from local.ports import StartError
from local.settings import from_environment
from local.simulator import Simulator
from tests.integration.test_local_run import Run

ROOT = Path(__file__).parents[2]
FROM_OUTSIDE = "127.0.0.2"  # of Linux: reaches what listens everywhere, and not what listens on 127.0.0.1

http = urllib3.PoolManager(retries=False, timeout=60)


def is_reachable(port):
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex((FROM_OUTSIDE, port)) == 0


def test_unless_told_it_listens_for_this_machine_alone():
    assert from_environment({}).host == from_environment({"HOST": ""}).host == "127.0.0.1"
    assert from_environment({"HOST": "0.0.0.0"}).host == "0.0.0.0"


@pytest.mark.parametrize("host", ["localhost", "192.0.2.1", "::", "everywhere"])
def test_another_address_is_refused(host):
    with pytest.raises(StartError, match=f"HOST={host} is neither"):
        from_environment({"HOST": host})


def test_a_port_that_is_taken_on_another_address_is_named():
    with socket.socket() as taken:
        taken.bind((FROM_OUTSIDE, 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        from_environment({"PORT": port}).check_ports()
        with pytest.raises(StartError, match=f"port {port} is in use"):
            from_environment({"PORT": port, "HOST": "0.0.0.0"}).check_ports()


def test_a_server_for_everybody_is_called_by_an_address_that_works():
    with Simulator(host="0.0.0.0") as vendor:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", vendor.url)
        assert is_reachable(int(vendor.url.rpartition(":")[2]))
    with Simulator() as vendor:
        assert not is_reachable(int(vendor.url.rpartition(":")[2]))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has more loopback addresses than one")
def test_everything_is_reached_from_outside(tmp_path):
    running = Run(tmp_path, HOST="0.0.0.0")
    try:
        running.wait_for("An outage")

        assert {name: is_reachable(port) for name, port in running.ports.items()} == dict.fromkeys(running.ports, True)
        assert "host.docker.internal" in running.output
        assert f"http://127.0.0.1:{running.ports['PORT']}/sms" in running.output
        assert "0.0.0.0:" not in running.output, "no address that only works by accident"
    finally:
        running.end()


def test_what_sam_gives_the_containers_is_where_make_run_listens():
    variables = json.loads((ROOT / "events/env/local.json").read_text())["Parameters"]
    settings = from_environment({})

    assert variables["AWS_ENDPOINT_URL"] == f"http://host.docker.internal:{settings.aws_port}"
    assert variables["MESSAGE_CENTRAL_URL"] == f"http://host.docker.internal:{settings.simulator_port}"
