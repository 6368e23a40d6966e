// types, of the optimizer's instructions: parameters, gradients, moments, sums and the clip factor
// exist and have the types that their parameter says. What is wrong, or nothing. Tests:
// named_damage_test.cc, field_damage_test.cc.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>

#include "compiler/plan/plan.h"

namespace pprun {

std::optional<std::string> OptimizerProblem(const Plan& plan, const Position& position,
                                            const SquareSum& sum);
std::optional<std::string> OptimizerProblem(const Plan& plan, const Position& position,
                                            const ClipFactor& clip);
std::optional<std::string> OptimizerProblem(const Plan& plan, const Position& position,
                                            const Update& update);

// Of buffers that are a parameter, or its gradient or moments.
std::optional<std::string> ParameterProblem(const Plan& plan, const Position& position,
                                            ParameterId parameter,
                                            std::initializer_list<BufferId> buffers);

}  // namespace pprun
