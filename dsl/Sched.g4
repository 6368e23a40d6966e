// The grammar of the .sched language. It says what may be written; dsl/build_*.cc turn the parse
// tree into dsl/ast.h, and the checker says what it means.
//
// Kept close to LL(1), so that prediction is cheap whatever the input: a definition and a choice
// share a rule up to `{` or `;`, parentheses and tuples share one alternative. Every character is
// some token (Unknown, Unterminated), so that the token stream is checked in one place,
// dsl/token_checks.cc, before the parser runs. Tests: parser_test.cc and golden/ast/.
grammar Sched;

file : item* EOF ;

// What `--set name=value` gives.
value : expression EOF ;

item
  : importItem
  | letItem
  | mesh
  | model
  | stages
  | train
  | schedule
  | choice
  ;

importItem : IMPORT STRING ';' ;

letItem : LET name '=' expression ';' ;

mesh : MESH '{' setting* '}' ;

train : TRAIN '{' setting* '}' ;

setting : name '=' expression ';' ;

choice : (GRADIENTS | TRANSFERS | RECOMPUTE) name arguments? ';' ;

// With braces a definition, with a semicolon the choice of one.
model : MODEL name arguments? ( '{' modelItem* '}' | ';' ) ;

modelItem : letItem | layer ;

layer : LAYER name ( REPEAT expression )? '{' operation* '}' ;

operation : name arguments? modifier* ( ';' | '{' operation* '}' ) ;

modifier
  : AS STRING
  | SPLIT name
  ;

stages : STAGES ( '{' stage ( '|' stage )* '}' | name arguments? ';' ) ;

stage : selection+ ;

selection : name ( '[' expression ( '..' expression )? ']' )? ;

schedule : SCHEDULE name arguments? ( '{' scheduleItem* '}' | ';' ) ;

scheduleItem
  : letItem
  | require
  | function
  | placement
  | order
  | greedy
  ;

function : FN name '(' ( name ( ',' name )* )? ')' ( '=' expression ';' | block ) ;

// A name places every chunk, a number that one. Among several places a search chooses.
placement
  : PLACE CHUNK ( name | INTEGER ) ON RANK name AS STAGE place ( '|' STAGE place )* ';'
  ;

place : expression ( OF PIPE expression )? ;

order : ORDER ON RANK name block ;

// A name stands for every rank, a number for that one.
greedy : GREEDY ON RANK ( name | INTEGER ) '{' greedyItem* '}' ;

greedyItem
  : LIMIT name '<=' expression ';'
  | PREFER name ( ',' name )* ';'
  | SEARCH name '<=' expression ';'
  ;

block : '{' statement* '}' ;

statement
  : letItem
  | forLoop
  | repeatLoop
  | ifStatement
  | overlap
  | require
  | callStatement
  ;

forLoop : FOR name IN expression '..' expression block ;

repeatLoop : REPEAT expression block ;

ifStatement : IF expression block ( ELSE ( ifStatement | block ) )? ;

overlap : OVERLAP block ;

require : REQUIRE expression ( ',' STRING )? ';' ;

callStatement
  : ( NAME | RECOMPUTE | CHUNK | STAGE | OF | PIPE | LIMIT | PREFER | SEARCH ) arguments ';' ;

arguments : '(' ( argument ( ',' argument )* )? ')' ;

argument : ( name '=' )? expression ;

expression
  : '(' expression ( ',' expression )* ')'              # parenthesised
  | INTEGER UNIT?                                       # integer
  | FLOAT                                               # float
  | ( TRUE | FALSE )                                    # boolean
  | STRING                                              # string
  | name arguments?                                     # nameOrCall
  | '-' expression                                      # negate
  | expression ( '*' | '/' | '%' ) expression           # multiply
  | expression ( '+' | '-' ) expression                 # add
  | expression ( '<' | '<=' | '>' | '>=' ) expression   # compare
  | expression ( '==' | '!=' ) expression               # equal
  | NOT expression                                      # not
  | expression AND expression                           # and
  | expression OR expression                            # or
  | IF expression THEN expression ELSE expression       # conditional
  ;

// Words that begin a construct in one place and are plain names elsewhere.
name
  : NAME | OVERLAP | RECOMPUTE | ORDER | ON | RANK | LAYER | MODEL | SPLIT | CHUNK | STAGE | OF
  | PIPE | TRANSFERS | LIMIT | PREFER | SEARCH
  ;

IMPORT : 'import' ;
LET : 'let' ;
MESH : 'mesh' ;
TRAIN : 'train' ;
GRADIENTS : 'gradients' ;
TRANSFERS : 'transfers' ;
RECOMPUTE : 'recompute' ;
MODEL : 'model' ;
LAYER : 'layer' ;
REPEAT : 'repeat' ;
AS : 'as' ;
SPLIT : 'split' ;
STAGES : 'stages' ;
SCHEDULE : 'schedule' ;
FN : 'fn' ;
ORDER : 'order' ;
ON : 'on' ;
RANK : 'rank' ;
PLACE : 'place' ;
CHUNK : 'chunk' ;
STAGE : 'stage' ;
OF : 'of' ;
PIPE : 'pipe' ;
GREEDY : 'greedy' ;
LIMIT : 'limit' ;
PREFER : 'prefer' ;
SEARCH : 'search' ;
FOR : 'for' ;
IN : 'in' ;
IF : 'if' ;
THEN : 'then' ;
ELSE : 'else' ;
OVERLAP : 'overlap' ;
REQUIRE : 'require' ;
TRUE : 'true' ;
FALSE : 'false' ;
NOT : 'not' ;
AND : 'and' ;
OR : 'or' ;

UNIT : 'KiB' | 'MiB' | 'GiB' ;

// Named, so that the token checks can speak of them.
OPEN_BRACE : '{' ;
CLOSE_BRACE : '}' ;
OPEN_PARENTHESIS : '(' ;
CLOSE_PARENTHESIS : ')' ;
OPEN_BRACKET : '[' ;
CLOSE_BRACKET : ']' ;
SEMICOLON : ';' ;
COMMA : ',' ;
BAR : '|' ;
ASSIGN : '=' ;
DOTS : '..' ;
PLUS : '+' ;
MINUS : '-' ;
STAR : '*' ;
SLASH : '/' ;
PERCENT : '%' ;
LESS : '<' ;
LESS_EQUAL : '<=' ;
GREATER : '>' ;
GREATER_EQUAL : '>=' ;
EQUAL : '==' ;
NOT_EQUAL : '!=' ;

FLOAT : DIGIT+ '.' DIGIT+ EXPONENT? | DIGIT+ EXPONENT ;
INTEGER : DIGIT+ ;
STRING : '"' ( ~["\\\r\n] | '\\' ~[\r\n] )* '"' ;
UNTERMINATED : '"' ( ~["\\\r\n] | '\\' ~[\r\n] )* ;
NAME : [A-Za-z_] [A-Za-z0-9_]* ;

SPACE : [ \t\r\n]+ -> skip ;
COMMENT : '//' ~[\r\n]* -> skip ;
UNKNOWN : . ;

fragment DIGIT : [0-9] ;
fragment EXPONENT : [eE] [+-]? DIGIT+ ;
