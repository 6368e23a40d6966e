// What each record of a plan file holds, field by field: the writer and the reader both go through
// these descriptions, so they cannot disagree. Changing one changes the format: raise kVersion.
// Tests: file_test.cc.
#pragma once

#include <variant>

#include "compiler/plan/file_sections.h"
#include "compiler/plan/plan.h"

namespace pprun::file_detail {

// Const where the archive only reads the value.
template <typename Archive, typename T>
using Of = typename Archive::template Value<T>;

template <typename Archive>
void Describe(Archive& archive, Of<Archive, TensorType>& type) {
  archive.Enum(type.dtype, kDTypeCount);
  archive.Rank(type.shape.rank);
  for (auto& extent : type.shape.extents) archive.Number(extent);
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, Axis>& axis) {
  archive.String(axis.name);
  archive.Number(axis.size);
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, DataSpec>& data) {
  archive.Enum(data.kind, 5);
  archive.String(data.path);
  archive.Number(data.seed);
  archive.Id(data.source);
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, OptimizerSpec>& optimizer) {
  archive.Enum(optimizer.kind, 3);
  archive.Number(optimizer.learning_rate);
  archive.Number(optimizer.momentum);
  archive.Number(optimizer.beta1);
  archive.Number(optimizer.beta2);
  archive.Number(optimizer.epsilon);
  archive.Number(optimizer.weight_decay);
  archive.Number(optimizer.warmup);
  archive.Enum(optimizer.decay, 2);
  archive.Number(optimizer.final_learning_rate);
  archive.Number(optimizer.clip);
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, TrainSpec>& train) {
  Describe(archive, train.data);
  Describe(archive, train.validation);
  archive.Number(train.vocabulary);
  archive.Number(train.sequence);
  archive.Number(train.batch);
  archive.Number(train.microbatches);
  archive.Number(train.steps);
  archive.Number(train.seed);
  archive.Number(train.validate_every);
  archive.Number(train.validate_batches);
  Describe(archive, train.optimizer);
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, ExportPart>& part) {
  archive.String(part.name);
  archive.Number(part.row_begin);
  archive.Number(part.row_end);
  archive.Enum(part.layout, 2);
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, Split>& split) {
  archive.Number(split.dimension);
  archive.Integers(split.axes);
  archive.Number(split.interleave);
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, Parameter>& parameter) {
  archive.String(parameter.name);
  Describe(archive, parameter.type);
  archive.Enum(parameter.initialisation.kind, 3);
  archive.Number(parameter.initialisation.deviation);
  archive.Enum(parameter.decay, 2);
  archive.List(parameter.split);
  archive.Integers(parameter.sum_over);
  archive.Integers(parameter.owner);
  archive.Integers(parameter.holders);
  archive.List(parameter.exports);
  archive.Strings(parameter.aliases);
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, Layer>& layer) {
  archive.String(layer.name);
  archive.Number(layer.key);
  archive.Id(layer.stage);
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, Argument>& argument) {
  archive.Enum(argument.role, kRoleCount);
  archive.Enum(argument.access, 3);
  archive.Number(argument.bytes);
  archive.Number(argument.ordinal);
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, View>& view) {
  archive.Number(view.argument);
  archive.Number(view.offset);
  Describe(archive, view.type);
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, Operation>& operation) {
  archive.Enum(operation.kind, kOpKindCount);
  archive.Number(operation.attributes.heads);
  archive.Number(operation.attributes.kv_heads);
  archive.Number(operation.attributes.rope_theta);
  archive.Number(operation.attributes.epsilon);
  archive.Number(operation.attributes.probability);
  archive.Number(operation.attributes.loss_scale);
  archive.Number(operation.attributes.random_key);
  archive.Integers(operation.operands);
  archive.String(operation.label);
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, Segment>& segment) {
  archive.Id(segment.axis);
  archive.Number(segment.first);
  archive.Number(segment.count);
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, Function>& function) {
  archive.String(function.name);
  archive.Enum(function.kind, kTaskKindCount);
  archive.List(function.arguments);
  archive.List(function.views);
  archive.List(function.operations);
  archive.List(function.segments);
  archive.Number(function.flops);
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, Group>& group) {
  archive.String(group.name);
  archive.Integers(group.positions);
  archive.Integers(group.axes);
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, Channel>& channel) {
  archive.String(channel.name);
  archive.Id(channel.from);
  archive.Id(channel.to);
  Describe(archive, channel.type);
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, Stream>& stream) {
  archive.String(stream.name);
  archive.Enum(stream.kind, 4);
  archive.Id(stream.group);
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, Buffer>& buffer) {
  archive.String(buffer.name);
  archive.Enum(buffer.arena, kArenaCount);
  archive.Number(buffer.offset);
  Describe(archive, buffer.type);
}

// An instruction's operands: up to six numbers and one small enumeration, whatever the kind. Each
// function lists what its kind uses.
template <typename Archive>
struct DescribeOperands {
  Archive& archive;

  void operator()(Of<Archive, Run>& run) const {
    archive.OperandEnum(run.kind, kTaskKindCount);
    archive.OperandIds(run.function, run.layer, run.stage, run.chunk, run.microbatch);
    archive.Operand(run.first_binding);
  }
  void operator()(Of<Archive, Send>& send) const {
    archive.OperandIds(send.source, send.channel, send.microbatch);
  }
  void operator()(Of<Archive, Recv>& recv) const {
    archive.OperandIds(recv.target, recv.channel, recv.microbatch);
  }
  void operator()(Of<Archive, Collective>& collective) const {
    archive.OperandEnum(collective.kind, kCollectiveKindCount);
    archive.OperandIds(collective.source, collective.target, collective.group);
    archive.Operand(collective.root);
  }
  void operator()(Of<Archive, Load>& load) const {
    archive.OperandEnum(load.what, 2);
    archive.OperandIds(load.target, load.microbatch);
  }
  void operator()(Of<Archive, Initialise>& initialise) const {
    archive.OperandIds(initialise.parameter, initialise.target);
  }
  void operator()(Of<Archive, Zero>& zero) const { archive.OperandIds(zero.target); }
  void operator()(Of<Archive, Cast>& cast) const { archive.OperandIds(cast.source, cast.target); }
  void operator()(Of<Archive, Add>& add) const { archive.OperandIds(add.source, add.target); }
  void operator()(Of<Archive, SquareSum>& sum) const {
    archive.Operand(sum.first);
    archive.Operand(sum.count);
  }
  void operator()(Of<Archive, ClipFactor>& clip) const {
    archive.OperandIds(clip.partials, clip.target);
  }
  void operator()(Of<Archive, Update>& update) const {
    archive.Operand(update.first);
    archive.Operand(update.count);
    archive.OperandIds(update.clip);
  }
  void operator()(Of<Archive, Permute>& permute) const {
    archive.OperandIds(permute.source, permute.target, permute.group);
    archive.Operand(permute.shift);
  }
  void operator()(Of<Archive, Record>& record) const { archive.OperandIds(record.event); }
  void operator()(Of<Archive, Wait>& wait) const { archive.OperandIds(wait.event); }
};

template <typename Archive>
void Describe(Archive& archive, Of<Archive, Instruction>& instruction) {
  archive.Id(instruction.stream);
  archive.Id(instruction.source);
  archive.BeginOperands(instruction.operands);
  Visit(DescribeOperands<Archive>{archive}, instruction.operands);
  archive.EndOperands();
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, ParameterSquares>& row) {
  archive.Id(row.parameter);
  archive.Id(row.gradient);
  archive.Id(row.partials);
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, ParameterUpdate>& row) {
  archive.Id(row.parameter);
  archive.Id(row.value);
  archive.Id(row.gradient);
  archive.Id(row.first_moment);
  archive.Id(row.second_moment);
  archive.Id(row.rounded);
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, Position>& position) {
  archive.List(position.streams);
  archive.List(position.buffers);
  archive.Integers(position.bindings);
  archive.List(position.square_sums);
  archive.List(position.updates);
  archive.Integers(position.losses);
  archive.Id(position.gradient_norm);
  for (auto& bytes : position.arena_bytes) archive.Number(bytes);
  for (auto& program : position.programs) {
    archive.List(program.instructions);
    archive.Number(program.events);
  }
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, NormBlocks>& blocks) {
  archive.Id(blocks.parameter);
  archive.Number(blocks.first);
  archive.Number(blocks.count);
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, SourceFile>& file) {
  archive.String(file.path);
  archive.String(file.text);
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, Source>& source) {
  archive.Number(source.file);
  archive.Number(source.line);
  archive.Number(source.column);
  archive.String(source.reason);
}

template <typename Archive>
void Describe(Archive& archive, Of<Archive, Plan>& plan) {
  archive.String(plan.name);
  archive.String(plan.schedule);
  archive.List(plan.mesh);
  Describe(archive, plan.train);
  archive.Number(plan.stages);
  archive.List(plan.parameters);
  archive.List(plan.layers);
  archive.List(plan.functions);
  archive.List(plan.groups);
  archive.List(plan.channels);
  archive.List(plan.positions);
  archive.List(plan.norm_order);
  archive.List(plan.files);
  archive.List(plan.sources);
}

}  // namespace pprun::file_detail
