// Conditions of Kubeflow's tasks: the part of CEL that its compiler writes, as what our steps say
// under `when`. Pure.
//
//   inputs.parameter_values['pipelinechannel--flip-Output'] == 'heads' && !(int(...) > 5)
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kubeflow/parameter.h"

namespace slipway::kubeflow {

// What an input is to a condition of ours.
struct ConditionInput {
  ParameterType type = ParameterType::kText;
  std::string operand;  // "{flip/outputs.json#parameters.Output}", or a literal
};

// kInvalidArgument: it is no condition, or one that ours can't say; or what `input_of` says.
Result<std::string> translate_condition(
    std::string_view cel,
    const std::function<Result<ConditionInput>(const std::string& name)>& input_of);

// A text as a literal of our conditions. kInvalidArgument: it has quotes of both kinds.
Result<std::string> text_literal(std::string_view text);

}  // namespace slipway::kubeflow
