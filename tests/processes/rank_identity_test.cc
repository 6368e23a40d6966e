// Environments as launchers really leave them, ones that contradict themselves, ones with a hole.
#include "runtime/processes/rank_identity.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace pprun {
namespace {

// torchrun --nnodes 2 --nproc-per-node 8, the second node's fourth process.
Environment Torchrun() {
  return {{"RANK", "11"},
          {"WORLD_SIZE", "16"},
          {"LOCAL_RANK", "3"},
          {"LOCAL_WORLD_SIZE", "8"},
          {"GROUP_RANK", "1"},
          {"ROLE_RANK", "11"},
          {"MASTER_ADDR", "gpu-1-04"},
          {"MASTER_PORT", "29500"},
          {"TORCHELASTIC_RUN_ID", "4711"},
          {"TORCHELASTIC_RESTART_COUNT", "0"}};
}

// mpirun -n 4 of Open MPI 4.1.4.
Environment OpenMpi() {
  return {{"OMPI_COMM_WORLD_RANK", "2"},       {"OMPI_COMM_WORLD_SIZE", "4"},
          {"OMPI_COMM_WORLD_LOCAL_RANK", "2"}, {"OMPI_COMM_WORLD_LOCAL_SIZE", "4"},
          {"OMPI_COMM_WORLD_NODE_RANK", "2"},  {"OMPI_MCA_ess_base_jobid", "1393164289"},
          {"PMIX_NAMESPACE", "1393164289"},    {"PMIX_RANK", "2"}};
}

// mpiexec -n 4 of MPICH 4.
Environment Hydra() {
  return {{"PMI_RANK", "1"},        {"PMI_SIZE", "4"},        {"PMI_FD", "9"},
          {"MPI_LOCALNRANKS", "2"}, {"MPI_LOCALRANKID", "1"}, {"PMI_PORT", "node7:36405"}};
}

// srun -N 2 -n 8 inside an allocation.
Environment Srun() {
  return {{"SLURM_JOB_ID", "81123"},
          {"SLURM_JOBID", "81123"},
          {"SLURM_STEP_ID", "0"},
          {"SLURM_STEP_NUM_TASKS", "8"},
          {"SLURM_NTASKS", "8"},
          {"SLURM_PROCID", "5"},
          {"SLURM_LOCALID", "1"},
          {"SLURM_NODEID", "1"},
          {"SLURM_STEP_NODELIST", "gpu[04-05]"},
          {"SLURM_JOB_NODELIST", "gpu[04-05]"},
          {"SLURM_STEP_TASKS_PER_NODE", "4(x2)"}};
}

Environment With(Environment base, const Environment& more) {
  for (const auto& [name, value] : more) base[name] = value;
  return base;
}

Environment Without(Environment base, const std::string& name) {
  base.erase(name);
  return base;
}

void ExpectIdentity(const Environment& environment, const RankIdentity& expected) {
  const auto identity = IdentifyRank(environment);
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->launcher, expected.launcher);
  EXPECT_EQ(identity->rank, expected.rank);
  EXPECT_EQ(identity->ranks, expected.ranks);
  EXPECT_EQ(identity->local_rank, expected.local_rank);
  EXPECT_EQ(identity->local_ranks, expected.local_ranks);
  EXPECT_EQ(identity->job, expected.job);
}

void ExpectError(const Environment& environment, const std::string& message) {
  try {
    IdentifyRank(environment);
    ADD_FAILURE() << "no error: " << message;
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(error.what(), message);
  }
}

TEST(RankIdentity, KnowsTheLaunchers) {
  ExpectIdentity(Torchrun(), {Launcher::kTorchrun, 11, 16, 3, 8, "4711.29500"});
  ExpectIdentity(OpenMpi(), {Launcher::kOpenMpi, 2, 4, 2, 4, "1393164289.1393164289"});
  ExpectIdentity(Hydra(), {Launcher::kHydra, 1, 4, 1, 2, "node7:36405"});
  ExpectIdentity(Srun(), {Launcher::kSlurm, 5, 8, 1, 4, "81123.0"});
  ExpectIdentity({{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"LOCAL_RANK", "0"}, {"MASTER_PORT", "7"}},
                 {Launcher::kByHand, 1, 2, 0, {}, "7"});
  ExpectIdentity({{"PPRUN_RANK", "3"}, {"PPRUN_RANKS", "4"}, {"PPRUN_JOB", "x"}},
                 {Launcher::kPprun, 3, 4, 3, 4, "x"});
}

// Of Slurm 22.05: srun -n 4 -N 3 says "2,1(x2)".
TEST(RankIdentity, SlurmSaysHowManyTasksEachNodeHas) {
  EXPECT_EQ(SlurmTasksOf("2,1(x2)", 0), 2);
  EXPECT_EQ(SlurmTasksOf("2,1(x2)", 1), 1);
  EXPECT_EQ(SlurmTasksOf("2,1(x2)", 2), 1);
  EXPECT_EQ(SlurmTasksOf("2,1(x2)", 3), std::nullopt);
  EXPECT_EQ(SlurmTasksOf("8(x128)", 127), 8);
  for (const char* const list : {"", "x", "2(", "2(x", "2(x)", "2(x0)", "2(y2)", "2 ", "0", "-1"}) {
    EXPECT_EQ(SlurmTasksOf(list, 0), std::nullopt) << list;
  }
  ExpectIdentity(Without(Srun(), "SLURM_NODEID"), {Launcher::kSlurm, 5, 8, 1, {}, "81123.0"});
}

TEST(RankIdentity, OneProcessIsNoJob) {
  EXPECT_FALSE(IdentifyRank({}));
  EXPECT_FALSE(IdentifyRank({{"PATH", "/bin"}, {"MASTER_ADDR", "x"}, {"LOCAL_RANK", "1"}}));
  // An interactive shell of srun, and mpirun -n 1.
  EXPECT_FALSE(IdentifyRank(With(Srun(), {{"SLURM_STEP_NUM_TASKS", "1"}, {"SLURM_PROCID", "0"}})));
  EXPECT_FALSE(IdentifyRank(With(OpenMpi(), {{"OMPI_COMM_WORLD_SIZE", "1"},
                                             {"OMPI_COMM_WORLD_RANK", "0"},
                                             {"OMPI_COMM_WORLD_LOCAL_SIZE", "1"},
                                             {"OMPI_COMM_WORLD_LOCAL_RANK", "0"}})));
}

// sbatch's own script has a rank and a number of tasks, but srun has not started it.
TEST(RankIdentity, ABatchScriptIsNoRank) {
  EXPECT_FALSE(IdentifyRank({{"SLURM_JOB_ID", "81123"},
                             {"SLURM_PROCID", "0"},
                             {"SLURM_LOCALID", "0"},
                             {"SLURM_NTASKS", "8"},
                             {"SLURM_JOB_NODELIST", "gpu[04-05]"}}));
}

TEST(RankIdentity, TheInnermostLauncherCounts) {
  // srun starts one torchrun a node.
  ExpectIdentity(With(Srun(), Torchrun()), {Launcher::kTorchrun, 11, 16, 3, 8, "4711.29500"});
  // mpirun inside an allocation starts its daemons by srun.
  ExpectIdentity(With(Srun(), OpenMpi()),
                 {Launcher::kOpenMpi, 2, 4, 2, 4, "1393164289.1393164289"});
  ExpectIdentity(With(Srun(), Hydra()), {Launcher::kHydra, 1, 4, 1, 2, "node7:36405"});
  // Slurm's PMI has the names of Hydra's, and no local ones.
  ExpectIdentity(With(Srun(), {{"PMI_RANK", "5"}, {"PMI_SIZE", "8"}}),
                 {Launcher::kSlurm, 5, 8, 1, 4, "81123.0"});
}

TEST(RankIdentity, WhatIsSetByHandMustAgree) {
  ExpectIdentity(With(Srun(), {{"RANK", "5"}, {"WORLD_SIZE", "8"}}),
                 {Launcher::kSlurm, 5, 8, 1, 4, "81123.0"});
  ExpectError(With(Srun(), {{"RANK", "3"}, {"WORLD_SIZE", "8"}}),
              "the environment contradicts itself: `SLURM_PROCID=5` of srun, but `RANK=3`; unset "
              "one of them");
  ExpectError(With(OpenMpi(), {{"WORLD_SIZE", "8"}}),
              "the environment contradicts itself: `OMPI_COMM_WORLD_SIZE=4` of mpirun, but "
              "`WORLD_SIZE=8`; unset one of them");
}

TEST(RankIdentity, SaysWhatIsMissing) {
  const std::string both = ": set both to start this process as one rank of several, or neither";
  ExpectError(Without(Torchrun(), "LOCAL_RANK"),
              "`TORCHELASTIC_RUN_ID=4711` is set without `LOCAL_RANK`" + both);
  ExpectError({{"RANK", "1"}}, "`RANK=1` is set without `WORLD_SIZE`" + both);
  ExpectError({{"RANK", "1"}, {"WORLD_SIZE", "2"}}, "`RANK=1` is set without `LOCAL_RANK`" + both);
  ExpectError(Without(Srun(), "SLURM_LOCALID"),
              "`SLURM_STEP_ID=0` is set without `SLURM_LOCALID`" + both);
  ExpectError(Without(OpenMpi(), "OMPI_COMM_WORLD_SIZE"),
              "`OMPI_COMM_WORLD_RANK=2` is set without `OMPI_COMM_WORLD_SIZE`" + both);
}

TEST(RankIdentity, SaysWhatCannotBe) {
  ExpectError(With(Torchrun(), {{"RANK", "16"}}), "`RANK=16` is not below `WORLD_SIZE=16`");
  ExpectError(With(OpenMpi(), {{"OMPI_COMM_WORLD_LOCAL_RANK", "4"}}),
              "`OMPI_COMM_WORLD_LOCAL_RANK=4` is not below `OMPI_COMM_WORLD_LOCAL_SIZE=4`");
  for (const char* const value : {"", "-1", "two", "3x", " 3", "99999999999999999999", "1048577"}) {
    ExpectError(With(Torchrun(), {{"WORLD_SIZE", value}}),
                "`WORLD_SIZE=" + std::string(value) + "` is not a number from 0 to 1048576");
  }
}

}  // namespace
}  // namespace pprun
