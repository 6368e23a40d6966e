// Where ranks meet: node lists, ports, and which source of an address counts.
#include "runtime/processes/rendezvous.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace pprun {
namespace {

std::string ErrorOf(const auto& body) {
  try {
    body();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(Endpoint, IsTextAndBack) {
  EXPECT_EQ(ParseEndpoint("node01:20123"), (Endpoint{"node01", 20123}));
  EXPECT_EQ(ParseEndpoint("[fe80::1]:80"), (Endpoint{"fe80::1", 80}));
  EXPECT_EQ(ToText(Endpoint{"fe80::1", 80}), "[fe80::1]:80");
  EXPECT_EQ(ToText(Endpoint{"10.0.0.1", 80}), "10.0.0.1:80");
  for (const char* const wrong :
       {"", "node01", "node01:", ":80", "node01:0", "node01:65536", "node01:8o", "fe80::1:80"}) {
    EXPECT_EQ(ErrorOf([&] { ParseEndpoint(wrong); }),
              "`" + std::string(wrong) + "` is not HOST:PORT");
  }
}

TEST(FirstSlurmHost, ReadsLists) {
  EXPECT_EQ(FirstSlurmHost("node[01-04,7],other"), "node01");
  EXPECT_EQ(FirstSlurmHost("other,node[01-04,7]"), "other");
  EXPECT_EQ(FirstSlurmHost("gpu7"), "gpu7");
  EXPECT_EQ(FirstSlurmHost("gpu[007]"), "gpu007");
  EXPECT_EQ(FirstSlurmHost("gpu[12,15-19]"), "gpu12");
  EXPECT_EQ(FirstSlurmHost("rack[2-3]n[08-16].cluster,x"), "rack2n08.cluster");
}

TEST(FirstSlurmHost, RefusesWhatIsNone) {
  for (const char* const wrong : {"", ",a", "node[", "node[]", "node[a-b]", "node]", "node[-3]"}) {
    EXPECT_EQ(ErrorOf([&] { FirstSlurmHost(wrong); }),
              "`" + std::string(wrong) + "` is not a list of hosts as Slurm writes it");
  }
}

TEST(Rendezvous, APortIsTheJobsOwn) {
  EXPECT_EQ(PortOf("81123.0"), PortOf("81123.0"));
  EXPECT_NE(PortOf("81123.0"), PortOf("81123.1"));
  for (int job = 0; job < 1000; ++job) {
    const uint16_t port = PortOf(std::to_string(job));
    EXPECT_GE(port, 20000);
    EXPECT_LT(port, 30000);
  }
}

TEST(Rendezvous, TheFlagThenTheLauncher) {
  const RankIdentity slurm = {Launcher::kSlurm, 5, 8, 1, {}, "81123.0"};
  const uint16_t port = PortOf("81123.0");
  const Environment lists = {{"SLURM_STEP_NODELIST", "gpu[04-05]"},
                             {"SLURM_JOB_NODELIST", "gpu[01-05]"}};
  EXPECT_EQ(RendezvousOf(slurm, lists, "x:1"), (Endpoint{"x", 1}));
  EXPECT_EQ(RendezvousOf(slurm, lists, {}), (Endpoint{"gpu04", port}));
  EXPECT_EQ(RendezvousOf(slurm, {{"SLURM_JOB_NODELIST", "gpu[01-05]"}}, {}),
            (Endpoint{"gpu01", port}));
  Environment both = lists;
  both["MASTER_ADDR"] = "10.1.1.1";
  both["MASTER_PORT"] = "29500";
  EXPECT_EQ(RendezvousOf(slurm, both, {}), (Endpoint{"10.1.1.1", port}));

  const RankIdentity torch = {Launcher::kTorchrun, 1, 2, 1, 2, "4711.29500"};
  EXPECT_EQ(RendezvousOf(torch, {{"MASTER_ADDR", "localhost"}, {"MASTER_PORT", "29500"}}, {}),
            (Endpoint{"localhost", PortOf("4711.29500")}));

  // Not even by chance is it the port of torchrun's store.
  const uint16_t port_of_torch = PortOf("4711.29500");
  EXPECT_EQ(RendezvousOf(
                torch, {{"MASTER_ADDR", "h"}, {"MASTER_PORT", std::to_string(port_of_torch)}}, {}),
            (Endpoint{"h", static_cast<uint16_t>(port_of_torch + 1)}));

  const RankIdentity own = {Launcher::kPprun, 1, 2, 1, 2, "x"};
  EXPECT_EQ(RendezvousOf(own, {{"PPRUN_RENDEZVOUS", "127.0.0.1:40001"}, {"MASTER_ADDR", "y"}}, {}),
            (Endpoint{"127.0.0.1", 40001}));
  EXPECT_EQ(ErrorOf([&] { RendezvousOf(own, {}, {}); }),
            "`PPRUN_RANK` is set without `PPRUN_RENDEZVOUS`");
}

TEST(Rendezvous, OneMachineNeedsNoAddressAndSeveralSaySo) {
  const RankIdentity here = {Launcher::kOpenMpi, 1, 4, 1, 4, "77"};
  EXPECT_EQ(RendezvousOf(here, {}, {}), (Endpoint{"127.0.0.1", PortOf("77")}));
  // Also where Slurm's name of the node is none of a machine.
  const RankIdentity step = {Launcher::kSlurm, 1, 4, 1, 4, "81123.0"};
  EXPECT_EQ(RendezvousOf(step, {{"SLURM_STEP_NODELIST", "n1"}}, {}),
            (Endpoint{"127.0.0.1", PortOf("81123.0")}));
  const RankIdentity two = {Launcher::kOpenMpi, 1, 4, 1, 2, "77"};
  // mpirun in an allocation; the step is that of one of its daemons.
  EXPECT_EQ(RendezvousOf(
                two, {{"SLURM_STEP_NODELIST", "gpu05"}, {"SLURM_JOB_NODELIST", "gpu[04-05]"}}, {}),
            (Endpoint{"gpu04", PortOf("77")}));
  EXPECT_EQ(ErrorOf([&] { RendezvousOf(two, {}, {}); }),
            "the ranks that mpirun started are on several machines, and nothing says where rank 0 "
            "is; give `--rendezvous HOST:PORT`, HOST being the machine of rank 0, or set "
            "`MASTER_ADDR`");
}

}  // namespace
}  // namespace pprun
