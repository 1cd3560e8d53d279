! SPDX-License-Identifier: BSD-2-Clause
!
! hull.h for Fortran 2003, by ISO_C_BINDING: the loop, timers, UDP, TCP, work, the log. A program has a
! function of its own that begins everything, and runs a loop:
!
!     program heat
!       use hull
!       integer(c_int) :: status
!       status = hull_loop_run(c_funloc(start), c_null_ptr)
!     end program
!
! Callbacks are functions and subroutines with bind(c), in the types of the abstract interfaces below;
! c_funloc() makes their addresses. What hull.h says of contexts, ownership and errors holds here too.
module hull
  use, intrinsic :: iso_c_binding
  implicit none
  public

  integer(c_int64_t), parameter :: hull_microsecond = 1000_c_int64_t
  integer(c_int64_t), parameter :: hull_millisecond = 1000000_c_int64_t
  integer(c_int64_t), parameter :: hull_second = 1000000000_c_int64_t

  type, bind(c) :: hull_address
    integer(c_int8_t) :: ip(16) = 0_c_int8_t
    integer(c_int16_t) :: port = 0_c_int16_t
    integer(c_int32_t) :: interface = 0_c_int32_t
  end type

  ! The program's memory, with the target attribute, as long as it is set.
  type, bind(c) :: hull_timer
    type(c_funptr) :: fn
    type(c_ptr) :: user
    integer(c_int64_t) :: opaque(8)
  end type

  type, bind(c) :: hull_datagram
    type(c_ptr) :: data
    integer(c_size_t) :: len
    type(hull_address) :: from
    type(hull_address) :: to
  end type

  type, bind(c) :: hull_udp_config
    type(hull_address) :: local
    logical(c_bool) :: reuse_port = .false.
    logical(c_bool) :: only_v6 = .false.
    integer(c_size_t) :: receive_limit = 0
    type(c_funptr) :: received = c_null_funptr   ! hull_received
    type(c_funptr) :: failed = c_null_funptr     ! hull_failed
    type(c_ptr) :: user = c_null_ptr
  end type

  type, bind(c) :: hull_tcp_events
    type(c_funptr) :: connected = c_null_funptr  ! hull_tcp_call
    type(c_funptr) :: received = c_null_funptr   ! hull_tcp_received
    type(c_funptr) :: ended = c_null_funptr      ! hull_tcp_call
    type(c_funptr) :: drained = c_null_funptr    ! hull_tcp_call
    type(c_funptr) :: closed = c_null_funptr     ! hull_tcp_closed
  end type

  type, bind(c) :: hull_listen_config
    type(hull_address) :: local
    integer(c_int) :: backlog = 0
    logical(c_bool) :: reuse_port = .false.
    logical(c_bool) :: only_v6 = .false.
    integer(c_size_t) :: hold_limit = 0
    type(c_ptr) :: events = c_null_ptr           ! c_loc of a hull_tcp_events that stays
    type(c_funptr) :: accepted = c_null_funptr   ! hull_accepted
    type(c_ptr) :: user = c_null_ptr
  end type

  type, bind(c) :: hull_connect_config
    type(hull_address) :: remote
    type(hull_address) :: local
    integer(c_size_t) :: hold_limit = 0
    type(c_ptr) :: events = c_null_ptr
    type(c_ptr) :: user = c_null_ptr
  end type

  abstract interface
    function hull_start_fn(user) bind(c) result(status)
      import :: c_ptr, c_int
      type(c_ptr), value :: user
      integer(c_int) :: status
    end function
    subroutine hull_fired(timer, user) bind(c)
      import :: c_ptr
      type(c_ptr), value :: timer, user
    end subroutine
    subroutine hull_called(user) bind(c)
      import :: c_ptr
      type(c_ptr), value :: user
    end subroutine
    subroutine hull_interrupted(signo, user) bind(c)
      import :: c_ptr, c_int
      integer(c_int), value :: signo
      type(c_ptr), value :: user
    end subroutine
    subroutine hull_received(udp, datagram) bind(c)
      import :: c_ptr, hull_datagram
      type(c_ptr), value :: udp
      type(hull_datagram), intent(in) :: datagram
    end subroutine
    subroutine hull_failed(udp, to, error) bind(c)
      import :: c_ptr, c_int, hull_address
      type(c_ptr), value :: udp
      type(hull_address), intent(in) :: to
      integer(c_int), value :: error
    end subroutine
    subroutine hull_accepted(listener, tcp) bind(c)
      import :: c_ptr
      type(c_ptr), value :: listener, tcp
    end subroutine
    subroutine hull_tcp_call(tcp) bind(c)
      import :: c_ptr
      type(c_ptr), value :: tcp
    end subroutine
    function hull_tcp_received(tcp, data, len) bind(c) result(taken)
      import :: c_ptr, c_size_t
      type(c_ptr), value :: tcp, data
      integer(c_size_t), value :: len
      integer(c_size_t) :: taken
    end function
    subroutine hull_tcp_closed(tcp, error) bind(c)
      import :: c_ptr, c_int
      type(c_ptr), value :: tcp
      integer(c_int), value :: error
    end subroutine
  end interface

  interface
    function hull_loop_run(start, user) bind(c) result(status)
      import :: c_funptr, c_ptr, c_int
      type(c_funptr), value :: start
      type(c_ptr), value :: user
      integer(c_int) :: status
    end function
    subroutine hull_stop(status) bind(c)
      import :: c_int
      integer(c_int), value :: status
    end subroutine
    function hull_now() bind(c) result(ns)
      import :: c_int64_t
      integer(c_int64_t) :: ns
    end function

    subroutine hull_timer_init(t, fn, user) bind(c)
      import :: hull_timer, c_funptr, c_ptr
      type(hull_timer), intent(inout) :: t
      type(c_funptr), value :: fn
      type(c_ptr), value :: user
    end subroutine
    subroutine hull_timer_start(t, delay, period) bind(c)
      import :: hull_timer, c_int64_t
      type(hull_timer), intent(inout) :: t
      integer(c_int64_t), value :: delay, period
    end subroutine
    subroutine hull_timer_stop(t) bind(c)
      import :: hull_timer
      type(hull_timer), intent(inout) :: t
    end subroutine

    ! text ends with c_null_char
    function hull_address_parse(text, port_if_none, out) bind(c) result(error)
      import :: c_char, c_int16_t, c_int, hull_address
      character(kind=c_char), intent(in) :: text(*)
      integer(c_int16_t), value :: port_if_none
      type(hull_address), intent(out) :: out
      integer(c_int) :: error
    end function

    function hull_udp_open(config, out) bind(c) result(error)
      import :: hull_udp_config, c_ptr, c_int
      type(hull_udp_config), intent(in) :: config
      type(c_ptr), intent(out) :: out
      integer(c_int) :: error
    end function
    subroutine hull_udp_close(u) bind(c)
      import :: c_ptr
      type(c_ptr), value :: u
    end subroutine
    function hull_udp_join(u, group) bind(c) result(error)
      import :: hull_address, c_ptr, c_int
      type(c_ptr), value :: u
      type(hull_address), intent(in) :: group
      integer(c_int) :: error
    end function
    function hull_udp_leave(u, group) bind(c) result(error)
      import :: hull_address, c_ptr, c_int
      type(c_ptr), value :: u
      type(hull_address), intent(in) :: group
      integer(c_int) :: error
    end function
    function hull_udp_user(u) bind(c) result(user)
      import :: c_ptr
      type(c_ptr), value :: u
      type(c_ptr) :: user
    end function
    function hull_udp_send(u, to, data, len) bind(c) result(error)
      import :: hull_address, c_ptr, c_size_t, c_int
      type(c_ptr), value :: u, data
      type(hull_address), intent(in) :: to
      integer(c_size_t), value :: len
      integer(c_int) :: error
    end function
    function hull_udp_reply(u, d, data, len) bind(c) result(error)
      import :: hull_datagram, c_ptr, c_size_t, c_int
      type(c_ptr), value :: u, data
      type(hull_datagram), intent(in) :: d
      integer(c_size_t), value :: len
      integer(c_int) :: error
    end function

    function hull_tcp_listen(config, out) bind(c) result(error)
      import :: hull_listen_config, c_ptr, c_int
      type(hull_listen_config), intent(in) :: config
      type(c_ptr), intent(out) :: out
      integer(c_int) :: error
    end function
    subroutine hull_listener_close(l) bind(c)
      import :: c_ptr
      type(c_ptr), value :: l
    end subroutine
    function hull_tcp_connect(config, out) bind(c) result(error)
      import :: hull_connect_config, c_ptr, c_int
      type(hull_connect_config), intent(in) :: config
      type(c_ptr), intent(out) :: out
      integer(c_int) :: error
    end function
    function hull_tcp_send(c, data, len) bind(c) result(error)
      import :: c_ptr, c_size_t, c_int
      type(c_ptr), value :: c, data
      integer(c_size_t), value :: len
      integer(c_int) :: error
    end function
    subroutine hull_tcp_pause(c) bind(c)
      import :: c_ptr
      type(c_ptr), value :: c
    end subroutine
    subroutine hull_tcp_resume(c) bind(c)
      import :: c_ptr
      type(c_ptr), value :: c
    end subroutine
    subroutine hull_tcp_finish(c) bind(c)
      import :: c_ptr
      type(c_ptr), value :: c
    end subroutine
    subroutine hull_tcp_close(c) bind(c)
      import :: c_ptr
      type(c_ptr), value :: c
    end subroutine
    subroutine hull_tcp_abort(c) bind(c)
      import :: c_ptr
      type(c_ptr), value :: c
    end subroutine
    function hull_tcp_user(c) bind(c) result(user)
      import :: c_ptr
      type(c_ptr), value :: c
      type(c_ptr) :: user
    end function
    subroutine hull_tcp_set_user(c, user) bind(c)
      import :: c_ptr
      type(c_ptr), value :: c, user
    end subroutine

    function hull_work(fn, done, user) bind(c) result(error)
      import :: c_funptr, c_ptr, c_int
      type(c_funptr), value :: fn, done
      type(c_ptr), value :: user
      integer(c_int) :: error
    end function
    function hull_on_interrupt(signo, fn, user) bind(c) result(error)
      import :: c_funptr, c_ptr, c_int
      integer(c_int), value :: signo
      type(c_funptr), value :: fn
      type(c_ptr), value :: user
      integer(c_int) :: error
    end function
    subroutine hull_random(to, len) bind(c)
      import :: c_ptr, c_size_t
      type(c_ptr), value :: to
      integer(c_size_t), value :: len
    end subroutine
  end interface
end module
