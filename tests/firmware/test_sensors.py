"""The drivers against simulated files of the kernel, and against this machine's own."""

import os
from array import array

from plotpost import kernelfile, sensors
from plotpost.sensors import NO_VALUE

try:
    from micropython import heap_lock, heap_unlock
except ImportError:  # CPython: the readings are checked, the heap is not
    heap_lock = heap_unlock = int

ROOT = "test_sensors.tmp"


class Machine:
    """A tree of simulated kernel files under ROOT, which the drivers read while the `with` block runs."""

    def __init__(self, files=()):
        self._folders = []
        self._files = []
        self._initial = files
        self._drivers = []

    def __enter__(self):
        self._folder(ROOT)
        for path, text in self._initial:
            self.write(path, text)
        kernelfile.ROOT = ROOT
        return self

    def __exit__(self, *_):
        kernelfile.ROOT = ""
        for driver in self._drivers:
            driver.file.close()
        for path in self._files:
            os.remove(path)
        for path in reversed(self._folders):
            os.rmdir(path)

    def _folder(self, path):
        if path not in self._folders:
            os.mkdir(path)
            self._folders.append(path)

    def write(self, path, text):
        """Give the file `path` the content `text`; drivers that hold it open see it too."""
        parts = (ROOT + path).split("/")
        for i in range(2, len(parts)):
            self._folder("/".join(parts[:i]))
        with open(ROOT + path, "w") as file:
            file.write(text)
        if ROOT + path not in self._files:
            self._files.append(ROOT + path)

    def driver(self, name, started=True, **options):
        driver = sensors.create({"driver": name, "options": options})
        self._drivers.append(driver)
        if started:
            driver.start()
        return driver


def read(driver):
    """The driver's first value, read with the heap locked: a reading that allocates raises MemoryError."""
    values = array("i", [12345] * len(driver.CHANNELS))
    heap_lock()
    try:
        driver.read(values)
    finally:
        heap_unlock()
    return values[0]


def refusal(kind, function, *args, **options):
    try:
        function(*args, **options)
    except kind as error:
        return str(error)
    raise AssertionError("accepted")


def zone(number, temp, kind="acpitz"):
    folder = f"/sys/class/thermal/thermal_zone{number}/"
    return (folder + "type", kind + "\n"), (folder + "temp", temp)


def stat(*counters):
    return "cpu  " + " ".join([str(c) for c in counters]) + " 0 0\ncpu0 1 2 3 4 5 6 7 8 9 0\nintr 12345 0\n"


def test_every_module_of_the_folder_is_in_the_registry_and_keeps_the_interface():
    folder = sensors.__file__.rsplit("/", 1)[0]
    names = sorted([name[:-3] for name in os.listdir(folder) if name.endswith(".py") and name != "__init__.py"])
    assert list(sensors.DRIVERS) == names
    for name in names:
        driver = sensors.driver(name)
        assert driver.CHANNELS
        for channel, unit, decimals in driver.CHANNELS:
            assert channel
            assert isinstance(unit, str)
            assert 0 <= decimals <= 4
        assert isinstance(driver.OPTIONS, tuple)
        assert driver.MIN_EVERY_MS > 0


def test_a_machine_without_the_kernels_files_has_no_such_sensor():
    with Machine() as machine:
        for name, path in (("cpu", "/proc/stat"), ("memory", "/proc/meminfo"), ("load", "/proc/loadavg")):
            assert refusal(sensors.Absent, machine.driver, name) == f"{path} cannot be read on this machine"


def test_cpu_is_the_busy_part_of_the_time_since_the_last_reading():
    with Machine([("/proc/stat", stat(100, 10, 50, 1000, 40, 3, 2, 1))]) as machine:
        driver = machine.driver("cpu")
        machine.write("/proc/stat", stat(110, 15, 55, 1060, 60, 5, 6, 5))  # 30 busy of 110
        assert read(driver) == 273
        machine.write("/proc/stat", stat(110, 15, 55, 1160, 60, 5, 6, 5))
        assert read(driver) == 0
        machine.write("/proc/stat", stat(310, 15, 55, 1160, 60, 5, 6, 5))
        assert read(driver) == 1000


def test_cpu_has_no_value_while_the_counters_stand_still():
    with Machine([("/proc/stat", stat(100, 10, 50, 1000, 40, 3, 2, 1))]) as machine:
        driver = machine.driver("cpu")
        assert read(driver) == NO_VALUE


def test_cpu_waits_once_so_that_the_first_reading_says_something():
    with Machine([("/proc/stat", stat(100, 10, 50, 1000, 40, 3, 2, 1))]) as machine:
        driver = machine.driver("cpu", started=False)
        assert [driver.start(), driver.start(), driver.start()] == [100, 0, 0]


def test_cpu_survives_counters_beyond_every_small_integer():
    for base in (999999990, (1 << 30) - 10, (1 << 31) - 10, 10**12 - 10, (1 << 64) - 50):
        with Machine([("/proc/stat", stat(base, 0, 0, base, 0, 0, 0, 0))]) as machine:
            driver = machine.driver("cpu")
            machine.write("/proc/stat", stat(base + 10, 0, 0, base + 30, 0, 0, 0, 0))
            assert read(driver) == 250, base


def test_cpu_survives_a_long_pause_of_a_large_machine():
    with Machine([("/proc/stat", stat(0, 0, 0, 0, 0, 0, 0, 0))]) as machine:
        driver = machine.driver("cpu")
        machine.write("/proc/stat", stat(100000000, 0, 0, 300000000, 0, 0, 0, 0))
        assert read(driver) == 250


def test_cpu_ignores_an_idle_counter_that_goes_back():
    with Machine([("/proc/stat", stat(100, 10, 50, 1000, 40, 3, 2, 1))]) as machine:
        driver = machine.driver("cpu")
        machine.write("/proc/stat", stat(125, 10, 50, 1075, 39, 3, 2, 1))
        assert read(driver) == 250


def test_cpu_says_when_the_file_is_not_what_it_knows_and_counts_when_it_is():
    with Machine([("/proc/stat", "intr 1 2 3\n")]) as machine:
        driver = machine.driver("cpu", started=False)
        assert refusal(ValueError, driver.start) == "no totals in /proc/stat"
        machine.write("/proc/stat", stat(100, 0, 0, 100, 0, 0, 0, 0))
        assert driver.start() == 100
        machine.write("/proc/stat", "")
        assert refusal(ValueError, driver.read, [0]) == "no totals in /proc/stat"


def test_memory_is_what_programs_can_still_have_in_tenths_of_a_mib():
    for kib, tenths in ((24310104, 237403), (0, 0), (8, 0), (1024, 9), (1030, 10), (123456789, 1205632), (4294967296, 41943039)):
        text = f"MemTotal:       99999999 kB\nMemFree:        11111111 kB\nMemAvailable:   {kib:8d} kB\nBuffers:   5 kB\n"
        with Machine([("/proc/meminfo", text)]) as machine:
            assert read(machine.driver("memory")) == tenths, kib


def test_memory_of_an_old_kernel_is_what_is_unused():
    with Machine([("/proc/meminfo", "MemTotal: 2048000 kB\nMemFree: 1024000 kB\nBuffers: 5 kB\n")]) as machine:
        assert read(machine.driver("memory")) == 10000


def test_memory_does_not_take_what_an_earlier_reading_left_in_the_buffer():
    with Machine([("/proc/meminfo", "MemTotal: 1 kB\nMemFree: 20480 kB\nMemAvailable: 40960 kB\n")]) as machine:
        driver = machine.driver("memory")
        assert read(driver) == 400
        machine.write("/proc/meminfo", "MemTotal: 1 kB\nMemFree: 20480 kB\n")
        assert read(driver) == 200
        machine.write("/proc/meminfo", "MemTotal: 1 kB\n")
        assert refusal(ValueError, driver.read, [0]) == "no free memory in /proc/meminfo"


def test_load_is_the_average_of_one_minute_in_hundredths():
    for text, hundredths in (
        ("0.15 0.05 0.01 4/95 5076\n", 15),
        ("0.00 9.99 9.99 1/9 1\n", 0),
        ("123.45 1.00 1.00 1/9 1\n", 12345),
    ):
        with Machine([("/proc/loadavg", text)]) as machine:
            assert read(machine.driver("load")) == hundredths


def test_load_says_when_the_file_is_empty():
    with Machine([("/proc/loadavg", "")]) as machine:
        assert refusal(ValueError, machine.driver("load").read, [0]) == "no number in /proc/loadavg"


def test_temperature_is_in_tenths_of_a_degree():
    for text, tenths in (
        ("45000\n", 450),
        ("45049\n", 450),
        ("45050\n", 451),
        ("0\n", 0),
        ("-5000\n", -50),
        ("-40\n", 0),
        ("105000", 1050),
    ):
        with Machine(zone(0, text)) as machine:
            assert read(machine.driver("thermal")) == tenths, text


def test_the_first_thermal_zone_that_can_be_read_is_taken():
    files = zone(10, "70000\n") + zone(2, "50000\n") + zone(0, "") + (("/sys/class/thermal/cooling_device0/type", "Fan\n"),)
    with Machine(files) as machine:
        assert read(machine.driver("thermal")) == 500


def test_a_thermal_zone_can_be_chosen_by_number_or_type():
    with Machine(zone(0, "40000\n") + zone(1, "50000\n", "x86_pkg_temp")) as machine:
        for choice, tenths in ((0, 400), ("0", 400), (1, 500), ("1", 500), ("x86_pkg_temp", 500), ("acpitz", 400)):
            assert read(machine.driver("thermal", zone=choice)) == tenths


def test_a_machine_without_the_thermal_zone_says_what_it_has():
    with Machine() as machine:
        assert refusal(sensors.Absent, machine.driver, "thermal") == "no thermal zone on this machine"
    with Machine(zone(0, "40000\n") + zone(1, "", "pch")) as machine:
        has = "that can be read on this machine; it has 0 (acpitz), 1 (pch)"
        assert refusal(sensors.Absent, machine.driver, "thermal", zone="gpu") == f"no thermal zone 'gpu' {has}"
        assert refusal(sensors.Absent, machine.driver, "thermal", zone=1) == f"no thermal zone 1 {has}"
    with Machine(zone(0, "")) as machine:
        assert refusal(sensors.Absent, machine.driver, "thermal") == (
            "no thermal zone that can be read on this machine; it has 0 (acpitz)"
        )


def test_a_thermal_zone_that_stops_working_is_an_error_and_not_a_temperature():
    with Machine(zone(0, "40000\n")) as machine:
        driver = machine.driver("thermal")
        machine.write("/sys/class/thermal/thermal_zone0/temp", "")
        assert refusal(ValueError, driver.read, [0]) == "no number in the thermal zone's temp"
        machine.write("/sys/class/thermal/thermal_zone0/temp", "-")
        assert refusal(ValueError, driver.read, [0]) == "no number in the thermal zone's temp"


def own(name):
    """A value read from this machine itself."""
    driver = sensors.create({"driver": name, "options": {}})
    try:
        return read(driver)
    finally:
        driver.file.close()


def test_this_machine_tells_its_free_memory():
    with open("/proc/meminfo") as file:
        total = next(line for line in file.read().split("\n") if line.startswith("MemTotal:"))
    assert 0 < own("memory") <= int(total.split()[1]) * 10 // 1024


def test_this_machine_tells_its_load():
    assert 0 <= own("load") < 1000000


def test_this_machine_tells_how_busy_it_is():
    driver = sensors.create({"driver": "cpu", "options": {}})
    try:
        driver.start()
        value = read(driver)
        while value == NO_VALUE:  # until the kernel's next tick of 10 ms
            value = read(driver)
        assert 0 <= value <= 1000
    finally:
        driver.file.close()


def test_this_machine_tells_its_temperature_or_that_it_has_no_thermal_zone():
    try:
        value = own("thermal")
    except sensors.Absent as why:
        assert str(why).startswith("no thermal zone")
    else:
        assert -1000 < value < 2000
