//! The server over real sockets: HTTP, WHEP, rooms, STUN and TURN, third-party clients, live streams, and the program itself.

mod admission;
mod attacks;
mod bad_input;
mod clients;
mod connecting;
mod counters;
mod demotion;
mod folders;
mod ice_tcp;
mod lifecycle;
mod limits;
mod live;
mod offer;
mod program;
mod publishing;
mod rooms;
mod rooms_bad_input;
mod rooms_endurance;
mod rooms_leaks;
mod shards;
mod slashes;
mod streams;
mod turn;
mod twcc;
mod watch;
mod whep;
