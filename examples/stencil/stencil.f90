! SPDX-License-Identifier: BSD-2-Clause
!
! Heat that spreads over a plate: a five-point stencil on a grid, computed as work on a thread, while a
! timer of the loop tells how far it is.
!
!     stencil [SIZE [STEPS]]          by default 512, 400
module plate
  use hull
  implicit none
  integer :: n = 512, steps = 400
  integer, volatile :: nr_done = 0
  real(c_double), allocatable :: now(:, :), next(:, :)
  type(hull_timer), target :: progress
contains
  subroutine compute(user) bind(c)
    type(c_ptr), value :: user
    integer :: step, i, j

    do step = 1, steps
      do j = 2, n - 1
        do i = 2, n - 1
          next(i, j) = now(i, j) + 0.2_c_double * (now(i - 1, j) + now(i + 1, j) &
            + now(i, j - 1) + now(i, j + 1) - 4 * now(i, j))
        end do
      end do
      now(2:n - 1, 2:n - 1) = next(2:n - 1, 2:n - 1)
      nr_done = step
    end do
  end subroutine

  subroutine finished(user) bind(c)
    type(c_ptr), value :: user

    call hull_timer_stop(progress)
    print '(a,i0,a,es22.15)', 'after ', steps, ' steps the heat inside is ', sum(now(2:n - 1, 2:n - 1))
  end subroutine

  subroutine tell(timer, user) bind(c)
    type(c_ptr), value :: timer, user

    write (0, '(i0,a,i0)') nr_done, ' of ', steps
  end subroutine

  function start(user) bind(c) result(status)
    type(c_ptr), value :: user
    integer(c_int) :: status

    allocate (now(n, n), next(n, n))
    now = 0
    now(:, 1) = 100
    next = now
    call hull_timer_init(progress, c_funloc(tell), c_null_ptr)
    call hull_timer_start(progress, 200 * hull_millisecond, 200 * hull_millisecond)
    status = hull_work(c_funloc(compute), c_funloc(finished), c_null_ptr)
  end function
end module

program stencil
  use plate
  implicit none
  character(32) :: text
  integer(c_int) :: status

  if (command_argument_count() > 0) then
    call get_command_argument(1, text)
    read (text, *) n
  end if
  if (command_argument_count() > 1) then
    call get_command_argument(2, text)
    read (text, *) steps
  end if
  status = hull_loop_run(c_funloc(start), c_null_ptr)
  if (status /= 0) error stop 'no loop of events could be made'
end program
