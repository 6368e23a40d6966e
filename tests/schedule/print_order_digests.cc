// Prints order_digests.txt. After a change of a schedule's order that is meant:
//   ninja -C build/cpu print_order_digests
//   build/cpu/tests/schedule/print_order_digests > tests/schedule/order_digests.txt
#include <iostream>

#include "tests/schedule/library.h"

int main() { std::cout << pprun::OrderDigests(pprun::Library()); }
