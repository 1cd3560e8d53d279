// SPDX-License-Identifier: BSD-2-Clause
//
// C++ that throws: through frames with destructors, across threads, out of a constructor.
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Noisy {
	std::string name;
	explicit Noisy(std::string n) : name(std::move(n))
	{
		if (name == "bad")
			throw std::invalid_argument("constructor of " + name);
	}
	~Noisy() { std::cout << "destroyed " << name << "\n"; }
};

int descend(int depth)
{
	Noisy here("level " + std::to_string(depth));

	if (depth == 0)
		throw std::runtime_error("bottom");
	return descend(depth - 1) + 1;
}

}

int main()
{
	try {
		descend(3);
	} catch (const std::exception &e) {
		std::cout << "caught " << e.what() << "\n";
	}
	try {
		std::vector<std::unique_ptr<Noisy>> all;
		for (const char *name : { "good", "bad" })
			all.push_back(std::make_unique<Noisy>(name));
	} catch (const std::invalid_argument &e) {
		std::cout << "caught " << e.what() << "\n";
	}
	auto result = std::async(std::launch::async, [] { return descend(1); });
	try {
		result.get();
	} catch (const std::runtime_error &e) {
		std::cout << "caught from a thread: " << e.what() << "\n";
	}
	std::map<std::string, int> counts;
	try {
		counts.at("none");
	} catch (const std::out_of_range &) {
		std::cout << "out of range\n";
	}
	return 0;
}
