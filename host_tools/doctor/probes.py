"""What runs on the board for a check: each constant defines a function `probe` that returns a literal. Small; for rp2 and esp32 alike.

Passwords and tokens are read from secrets.json there, and are in no answer.
"""

import ast
from typing import Any

from host_tools.device import Device

_ANSWER = "answer: "

MEMORY = """\
def probe():
    import gc, os
    gc.collect()
    room = os.statvfs('/')
    return gc.mem_alloc() + gc.mem_free(), gc.mem_free(), room[1] * room[2], room[1] * room[3]
"""

AGENT = """\
def probe():
    try:
        from plotpost import __version__
        return __version__
    except (ImportError, SyntaxError, ValueError) as error:
        return type(error).__name__
"""

CLOCK = """\
def probe():
    import time
    return time.gmtime()[:6]
"""

# What the radio raised, "" if nothing, and the networks in sight, strongest first: (name, channel, dBm). It is switched off and on first.
# An ESP32's raises RuntimeError, and OSError with a text.
SCAN = """\
def probe(wanted):
    import network, time
    seen = {}
    try:
        radio = network.WLAN(network.STA_IF)
        radio.active(False)
        time.sleep_ms(1000)
        radio.active(True)
    except (OSError, RuntimeError, ValueError) as error:
        return str(error) or type(error).__name__, []
    why = ''
    for _ in range(3):
        try:
            for name, _, channel, rssi in [found[:4] for found in radio.scan()]:
                if name not in seen or seen[name][1] < rssi:
                    seen[name] = channel, rssi
        except (OSError, RuntimeError) as error:
            why = str(error) or type(error).__name__
        if all([name in seen for name in wanted]):
            break
        time.sleep_ms(500)
    found = [(name, channel, rssi) for name, (channel, rssi) in seen.items()]
    found.sort(key=lambda each: -each[2])
    return '' if found else why, found[:20]
"""

# Joins a network as the agent does, with its radio.py: ("joined", address, dBm), ("failed", what link.py makes of it, the radio's number),
# ("broken", what the radio raised, 0), or ("no agent", "", 0). Failures of the first seconds are not believed: link.py.
JOIN = """\
def probe(name):
    import json, network, time
    from time import ticks_diff, ticks_ms
    try:
        from plotpost import radio
    except ImportError:
        return 'no agent', '', 0
    with open('/secrets.json') as file:
        password = json.load(file)['wifi'][name]
    try:
        air = radio.Radio()
        for _ in range(2):
            air.stop()
            time.sleep_ms(1000)
            air.start()
            air.join(name, password)
            began = ticks_ms()
            waited = why = 0
            while waited < 20000 and not (why and waited > 6000):
                if air.connected():
                    return 'joined', network.WLAN(network.STA_IF).ifconfig()[0], air.rssi()
                time.sleep_ms(100)
                why = radio.says(air.status())
                waited = ticks_diff(ticks_ms(), began)
            says = air.status()
            if not why:
                break
        air.leave()
        return 'failed', why, says
    except radio.RAISES as error:
        return 'broken', str(error) or type(error).__name__, 0
"""

RESOLVE = """\
def probe(host, port):
    import socket
    try:
        return socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][-1]
    except OSError:
        return None
"""

# One request: (stage, error, early, answer). `stage`: where it ended, "connect", "secure", "send", "answer" or "done". `early`: the
# answer came before `tail`, the end of the request, was sent. `error`: the name of an errno, whose numbers differ from port to port, or a
# text. The keys `secret` lead to what is put into the head in secrets.json.
EXCHANGE = """\
def probe(address, host, ca, head, secret, tail, hold_ms):
    import binascii, errno, json, socket, time
    from time import ticks_add, ticks_diff, ticks_ms
    if secret:
        with open('/secrets.json') as file:
            found = json.load(file)
        for key in secret:
            found = found[key]
        if type(found) is dict:
            found = binascii.b2a_base64((found['user'] + ':' + found['api_key']).encode()).decode().strip()
        head = head.replace('{secret}', found)
    def send(data):
        until = ticks_add(ticks_ms(), 15000)
        while data:
            taken = sock.write(data)
            data = data[taken or 0:]
            if not taken:
                if ticks_diff(until, ticks_ms()) < 0:
                    raise OSError(errno.ETIMEDOUT)
                time.sleep_ms(20)
    def receive(patience_ms):
        answer = b''
        until = ticks_add(ticks_ms(), patience_ms)
        while ticks_diff(until, ticks_ms()) > 0 and len(answer) < 700:
            part = sock.read(256)
            if part:
                answer += part
                if b'\\r\\n\\r\\n' in answer:
                    until = ticks_add(ticks_ms(), 200)
            elif part == b'':
                break
            else:
                time.sleep_ms(20)
        return answer
    sock = socket.socket()
    early = False
    stage = 'connect'
    try:
        sock.settimeout(5)
        sock.connect(address)
        sock.setblocking(False)
        if ca:
            stage = 'secure'
            from plotpost import secure
            with open(ca, 'rb') as file:
                sock = secure.wrap(sock, host, file.read())
        send(head.encode())
        stage = 'answer'
        answer = receive(hold_ms)
        early = bool(answer)
        if not early and tail:
            send(tail)
            answer = receive(10000)
        return 'done', '', early, answer
    except MemoryError:
        return stage, 'ENOMEM', early, b''
    except (OSError, ValueError, ImportError) as error:
        name = errno.errorcode.get(getattr(error, 'errno', None))
        return stage, name or ' '.join(str(error).split())[:100], early, b''
    finally:
        sock.close()
"""

# Reads a sensor, again if it fails: ("values", [(channel, unit, decimals, value)]), ("absent" or "broken", why), or ("agent", "")
# for one that reports on the running agent.
SENSOR = """\
def probe(name, options):
    import time
    from array import array
    from plotpost import sensors
    try:
        driver = sensors.create({'driver': name, 'options': options})
    except sensors.Absent as error:
        return 'absent', str(error)
    except Exception as error:
        return 'broken', str(error)[:120] or type(error).__name__
    if hasattr(driver, 'observe'):
        return 'agent', ''
    values = array('i', [sensors.NO_VALUE for _ in driver.CHANNELS])
    failure = ''
    for _ in range(3):
        try:
            time.sleep_ms(driver.start() or 0)
            driver.read(values)
            values = [None if value == sensors.NO_VALUE else value for value in values]
            return 'values', [channel + (value,) for channel, value in zip(driver.CHANNELS, values)]
        except Exception as error:
            failure = str(error)[:120] or type(error).__name__
        time.sleep_ms(max(driver.MIN_EVERY_MS, 100))
    return 'broken', failure
"""

# Why an ESP32 cannot correct what it measures at a pin, "" where it can: chips of some makes have no calibration in their fuses.
UNCALIBRATED = """\
def probe(pin):
    from machine import ADC, Pin
    try:
        ADC(Pin(pin), atten=ADC.ATTN_11DB).read_uv()
    except OSError as error:
        return str(error)
    return ''
"""


def ask(device: Device, probe: str, *arguments: Any, timeout_s: float = 10.0) -> Any:
    """What the probe returns on the board for these arguments, which are literals too. Raises DeviceError."""
    printed = device.run(f"{probe}\nprint({_ANSWER!r} + repr(probe(*{arguments!r})))\ndel probe", timeout_s)
    return ast.literal_eval(printed.rpartition(_ANSWER)[2].splitlines()[0])  # drivers and the chip may say something too
