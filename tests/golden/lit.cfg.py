# How lit runs the golden cases: every .sched file here with a RUN line. In such a line %ppc, %pprun and %FileCheck, or
# their bare names, are the programs that ctest names; %s is the case, %S its folder, %t a scratch file; `not` turns
# failure into success.
#
# One folder by hand (the last tool folder holds the pprun without the compiler):
#   python3 /usr/lib/llvm-14/build/utils/lit/lit.py -v tests/golden/layers \
#     --param tools=build/cpu/compiler:build/cpu/runtime:/usr/lib/llvm-14/bin:build/cpu/tests/golden
import os
import shutil
import subprocess

import lit.formats

here = os.path.dirname(os.path.abspath(__file__))
folders = [os.path.abspath(folder) for folder in lit_config.params.get("tools", "").split(":") if folder]

config.name = "golden"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".sched"]
config.test_source_root = here
config.test_exec_root = lit_config.params.get("scratch", os.path.join(here, "../../build/golden"))
config.environment["PATH"] = os.pathsep.join(folders + [config.environment["PATH"]])
config.substitutions += [("%" + tool, tool) for tool in ("pprun", "ppc", "FileCheck")]

# A case that needs a disk of its own: root, or user namespaces.
if subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode == 0:
    config.available_features.add("mounts")

# A case that is started by Open MPI.
if shutil.which("mpirun"):
    config.available_features.add("mpirun")

# A case on several machines: network namespaces on a bridge, for root or by user namespaces.
switch = "ip link add switch type bridge && ip link add one type veth peer name other"
if shutil.which("ip") and subprocess.run(["unshare", "-r", "--net", "--uts", "--mount", "--time", "sh", "-c", switch],
                                         capture_output=True).returncode == 0:
    config.available_features.add("hosts")
