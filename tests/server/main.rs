//! LeaderServer as a stranger on the network meets it: public handles and raw sockets.

mod ends;
mod input;
mod limits;
mod raw;
mod stalls;
mod stop;
