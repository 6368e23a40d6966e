// The syntax tree of a `.sched` file: what was written, where, and nothing more.
//
// Nodes live in vectors and refer to each other by id; every node knows its place in the text. The
// tree says nothing about meaning: names are not resolved, numbers not folded, units already
// multiplied out. Tests: parser_test.cc and golden/ast/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace pprun::ast {

// A range of bytes in one of the program's files; file indexes SourceFiles.
struct Location {
  uint32_t file = 0;
  uint32_t begin = 0;
  uint32_t end = 0;
};

struct ExpressionId {
  int32_t value = -1;
  bool valid() const { return value >= 0; }
};

struct Name {
  std::string text;
  Location location;
};

// `value` or `name = value` in a call, and `name = default` in a parameter list.
struct Argument {
  std::optional<Name> name;
  ExpressionId value;
  Location location;
};

struct IntegerLiteral {
  int64_t value = 0;
};
struct SizeLiteral {
  int64_t bytes = 0;
};  // `25 MiB`
struct FloatLiteral {
  double value = 0;
};
struct BooleanLiteral {
  bool value = false;
};
struct StringLiteral {
  std::string value;
};  // escapes resolved
struct Reference {
  std::string name;
};
enum class UnaryOperator : uint8_t { kNegate, kNot };
struct Unary {
  UnaryOperator op = UnaryOperator::kNegate;
  ExpressionId operand;
};
enum class BinaryOperator : uint8_t {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kRemainder,  // integer division and remainder round down
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kAnd,
  kOr,
};
struct Binary {
  BinaryOperator op = BinaryOperator::kAdd;
  ExpressionId left, right;
};
struct Conditional {
  ExpressionId condition, then, otherwise;
};  // `if c then a else b`
struct Call {
  Name callee;
  std::vector<Argument> arguments;
};
struct Tuple {
  std::vector<ExpressionId> items;
};  // `(0.9, 0.95)`

struct Expression {
  Location location;
  std::variant<IntegerLiteral, SizeLiteral, FloatLiteral, BooleanLiteral, StringLiteral, Reference,
               Unary, Binary, Conditional, Call, Tuple>
      node;
};

// `name = value;` in mesh, train, and `let name = value;`
struct Setting {
  Name name;
  ExpressionId value;
  Location location;
};

// An operation of a layer: `attention(heads) as "attn";`, or `residual { ... }`, which has a body.
struct Operation {
  Name name;
  std::vector<Argument> arguments;
  std::optional<Name> label;    // as "attn"
  std::optional<Name> split;    // split column | row | heads | vocab
  std::vector<Operation> body;  // of a residual
  bool has_body = false;        // written with braces
  Location location;
};

struct Layer {
  Name name;
  ExpressionId repeat;  // invalid: once
  std::vector<Operation> operations;
  Location location;
};

struct Model {
  Name name;
  std::vector<Argument> parameters;
  std::vector<Setting> lets;
  std::vector<Layer> layers;
  Location location;
};

// `embed`, `block[3]` or `block[0..2]`.
struct LayerSelection {
  Name layer;
  ExpressionId begin, end;  // both invalid: all; end invalid: one
  Location location;
};

struct Stages {
  std::vector<std::vector<LayerSelection>> stages;  // explicit, or
  std::optional<Call> policy;                       // balance(flops)
  Location location;
};

// Statements of a schedule's `order` and of task functions.
struct StatementId {
  int32_t value = -1;
};
using Block = std::vector<StatementId>;

struct LetStatement {
  Setting let;
};
struct ForStatement {
  Name variable;
  ExpressionId begin, end;
  Block body;
};
struct RepeatStatement {
  ExpressionId count;
  Block body;
};
struct IfStatement {
  ExpressionId condition;
  Block then, otherwise;
};
struct OverlapStatement {
  Block body;
};
struct RequireStatement {
  ExpressionId condition;
  ExpressionId message;  // invalid: none
};
struct CallStatement {
  Call call;
};  // `forward(i);`, `backward(chunk = 1);` or a function of the user's

struct Statement {
  Location location;
  std::variant<LetStatement, ForStatement, RepeatStatement, IfStatement, OverlapStatement,
               RequireStatement, CallStatement>
      node;
};

struct Function {
  Name name;
  std::vector<Name> parameters;
  ExpressionId value;  // `fn f(k) = value;`, or
  Block body;          // `fn f(k) { ... }`
  Location location;
};

// `place chunk c on rank r as stage STAGE of pipe PIPE | stage STAGE;`. The chunk is a name, then
// the clause places all chunks, or a literal, then that one.
struct Place {
  ExpressionId stage;
  ExpressionId pipe;  // not valid(): 0
};
struct Placement {
  Name chunk;            // empty text: a literal
  ExpressionId literal;  // not valid(): a name
  Name rank;
  std::vector<Place> places;  // one, or those that a search may choose among
  Location location;
};

// `greedy on rank r { limit in_flight <= memory; prefer input_grad, forward, weight_grad;
// search nodes <= 100; }`. The rank is a name, then the block stands for every rank, or a literal.
struct GreedyBound {
  Name what;  // in_flight, nodes
  ExpressionId most;
  Location location;
};
struct Greedy {
  Name rank;             // empty text: a literal
  ExpressionId literal;  // not valid(): a name
  std::vector<GreedyBound> limits;
  std::vector<Name> preferences;  // task kinds, most preferred first
  Location preferences_location;
  std::optional<GreedyBound> search;
  Location location;  // of its head
};

struct ScheduleDefinition {
  Name name;
  std::vector<Argument> parameters;  // name and default
  Block preamble;                    // let and require at the schedule's level, in order
  std::vector<Placement> placements;
  std::vector<Function> functions;
  Name rank;  // r of `order on rank r`
  Block order;
  std::vector<Greedy> greedy;
  Location location;
};

// `schedule one_f_one_b;`, `model gpt(depth = 4);`, `gradients ddp(bucket = 25 MiB);`, `transfers
// queue_per_rank;`, `recompute none;`
struct Choice {
  Call call;
  Location location;
};

struct Import {
  std::string path;
  Location location;
};

struct Program {
  std::vector<Expression> expressions;
  std::vector<Statement> statements;
  std::string
      directory;  // of the main file, with a slash at its end; data files are relative to it

  std::vector<Import> imports;
  std::vector<Setting> lets;  // at file level
  std::vector<Setting> mesh;
  Location mesh_location;
  std::vector<Model> models;
  std::optional<Choice> model;  // which of the models, where there are several
  std::optional<Stages> stages;
  std::vector<Setting> train;
  Location train_location;
  std::vector<ScheduleDefinition> schedules;
  std::optional<Choice> schedule;
  std::optional<Choice> gradients;
  std::optional<Choice> transfers;
  std::optional<Choice> recompute;

  const Expression& operator[](ExpressionId id) const {
    return expressions[static_cast<size_t>(id.value)];
  }
  const Statement& operator[](StatementId id) const {
    return statements[static_cast<size_t>(id.value)];
  }
};

}  // namespace pprun::ast
