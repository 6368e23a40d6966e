// The socket communicator: ranks on CPUs that are processes of their own, on one machine or
// several, over TCP.
//
// Every meeting is a true rendezvous: who receives says so before anything is sent, and the members
// of a collective first tell each other that they are there. In a reduction each member receives
// its own part of the elements from all, sums it in rank order, and passes it on: the same bits as
// the local communicator's, whatever the timing. Traffic of an all-reduce: 2 (n - 1) / n of its
// bytes in and out of each member, over n (n - 1) / 2 connections of the group. Tests:
// socket_communicator_test.cc with conformance/communicator_conformance.h.
#pragma once

#include <memory>

#include "runtime/communicator.h"
#include "runtime/processes/job.h"

namespace pprun {

// Of this process's rank. The job outlives it and all that it prepares.
std::unique_ptr<Communicator> MakeSocketCommunicator(Job& job);

}  // namespace pprun
