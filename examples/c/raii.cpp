// A leader that watches itself, in C++17: what is opened closes itself, also when something throws.
//
//     raii ENDPOINT NAMESPACE
#include "leader.hpp"

#include <iostream>

int main(int argc, char **argv) {
    if (argc < 3) {
        std::cerr << "usage: " << argv[0] << " ENDPOINT NAMESPACE\n";
        return 2;
    }
    try {
        const std::string_view address = "here";
        leader::client client{{"endpoint", argv[1]}, {"namespace", argv[2]}};
        const auto contender = client.contend("printer");
        const auto watch = client.observe("printer");
        for (bool seen = false; !seen;) {
            const auto event = client.next(LS_FOREVER);
            if (!event) {
                continue;
            }
            if (event->kind == LS_EVENT_GRANT) {
                std::cout << "leading, epoch " << event->id.epoch << std::endl;
                leader::call(ls_contender_confirm, contender.get(), event->id, address.data(),
                             address.size());
            } else if (event->kind == LS_EVENT_LEADER) {
                std::cout << "leader " << event->text << std::endl;
                seen = event->handle == watch.get() && event->text == address;
            }
        }
        try {
            client.contend("");
        } catch (const leader::failure &failure) {
            std::cout << ls_status_name(failure.status()) << ": " << failure.what() << std::endl;
        }
    } catch (const leader::failure &failure) {
        std::cerr << ls_status_name(failure.status()) << ": " << failure.what() << "\n";
        return 1;
    }
    std::cout << "done" << std::endl;
    return 0;
}
