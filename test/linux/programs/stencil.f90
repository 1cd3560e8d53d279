! SPDX-License-Identifier: BSD-2-Clause
!
! A five-point stencil on a square: heat spreads from one edge. Prints a checksum and the middle.
program stencil
  implicit none
  integer, parameter :: n = 200, steps = 400
  real(8), allocatable :: now(:,:), next(:,:)
  integer :: i, j, step

  allocate(now(n, n), next(n, n))
  now = 0.0d0
  now(1, :) = 100.0d0
  next = now
  do step = 1, steps
    do j = 2, n - 1
      do i = 2, n - 1
        next(i, j) = 0.25d0 * (now(i - 1, j) + now(i + 1, j) + now(i, j - 1) + now(i, j + 1))
      end do
    end do
    now = next
  end do
  print '(a, f16.8)', 'sum    ', sum(now)
  print '(a, f16.8)', 'middle ', now(10, n / 2)
end program stencil
