// What a C++ program adds to the header: handles that close themselves, and failures that are
// thrown.
#ifndef LEADER_HPP
#define LEADER_HPP

#include <leaderserver.h>

#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leader {

/// A call that failed, with its status.
class failure : public std::runtime_error {
public:
    failure(std::int32_t status, const ls_error &error)
        : std::runtime_error(std::string(error.text, error.text_length)), status_(status) {}
    std::int32_t status() const noexcept { return status_; }

private:
    std::int32_t status_;
};

/// Calls a function that takes an error last; throws unless it succeeds.
template <typename Function, typename... Arguments>
void call(Function function, Arguments... arguments) {
    ls_error error = LS_ERROR_INIT;
    if (const auto status = function(arguments..., &error); status != LS_OK) {
        throw failure(status, error);
    }
}

/// A handle that is closed when this ends; moved, never copied.
template <auto Close>
class handle {
public:
    handle() = default;
    handle(handle &&other) noexcept : number_(std::exchange(other.number_, 0)) {}
    handle &operator=(handle &&other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    // Closing 0 does nothing, and nothing that fails here could be mended.
    ~handle() { Close(number_); }
    std::uint64_t get() const noexcept { return number_; }
    std::uint64_t *out() noexcept { return &number_; }

private:
    std::uint64_t number_ = 0;
};

inline void close_client(std::uint64_t client) { ls_client_close(client, 1000, nullptr); }
inline void close_contender(std::uint64_t contender) { ls_contender_close(contender, nullptr); }
inline void close_watch(std::uint64_t watch) { ls_watch_close(watch, nullptr); }

using contender = handle<close_contender>;
using watch = handle<close_watch>;

/// What has happened, with its text copied.
struct event {
    std::int32_t kind;
    std::uint64_t handle;
    ls_leader_session_id id;
    std::string text;
};

class client {
public:
    explicit client(std::initializer_list<std::pair<std::string_view, std::string_view>> options) {
        std::vector<ls_option> list;
        for (const auto &[name, value] : options) {
            list.push_back({name.data(), name.size(), value.data(), value.size()});
        }
        const ls_tls *no_tls = nullptr;
        call(ls_client_open, list.data(), list.size(), no_tls, handle_.out());
    }

    contender contend(std::string_view component) {
        contender opened;
        void *nothing = nullptr;
        ls_finalizer no_end = nullptr;
        call(ls_contender_open, handle_.get(), component.data(), component.size(), nothing, no_end,
             opened.out());
        return opened;
    }

    watch observe(std::string_view component) {
        watch opened;
        void *nothing = nullptr;
        ls_finalizer no_end = nullptr;
        call(ls_watch_open, handle_.get(), component.data(), component.size(), nothing, no_end,
             opened.out());
        return opened;
    }

    /// The next event; none if there is none in time.
    std::optional<event> next(std::uint32_t timeout_ms) {
        ls_event raw = LS_EVENT_INIT;
        ls_error error = LS_ERROR_INIT;
        const auto status = ls_next_event(handle_.get(), timeout_ms, &raw, &error);
        if (status == LS_TIMEOUT) {
            return std::nullopt;
        }
        if (status != LS_OK) {
            throw failure(status, error);
        }
        event made{raw.kind, raw.handle, raw.id, std::string(raw.text.data, raw.text.length)};
        ls_bytes_free(&raw.text);
        return made;
    }

private:
    handle<close_client> handle_;
};

} // namespace leader

#endif
