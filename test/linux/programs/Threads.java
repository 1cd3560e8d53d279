// SPDX-License-Identifier: BSD-2-Clause
// A JVM with work for its threads and its collector: a pool, monitors, a concurrent map, child processes.
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.stream.*;

public class Threads {
	static long monitorSum = 0;
	static final Object monitor = new Object();

	static long churn(int seed) {
		Map<Integer, byte[]> live = new HashMap<>();
		Random random = new Random(seed);
		long sum = 0;
		for (int i = 0; i < 20000; i++) {
			byte[] block = new byte[random.nextInt(4096) + 1];
			block[0] = (byte) i;
			live.put(random.nextInt(500), block);
			sum += block[0];
		}
		synchronized (monitor) {
			monitorSum += sum;
			monitor.notifyAll();
		}
		return sum;
	}

	static int child(int n) throws Exception {
		Process process = new ProcessBuilder("/bin/sh", "-c", "read line; exit $((line + " + n + "))").start();
		try (var out = process.getOutputStream()) {
			out.write("20\n".getBytes());
		}
		return process.waitFor();
	}

	public static void main(String[] arguments) throws Exception {
		ExecutorService pool = Executors.newFixedThreadPool(16);
		List<Future<Long>> results = new ArrayList<>();
		for (int i = 0; i < 40; i++) {
			int seed = i;
			results.add(pool.submit(() -> churn(seed)));
		}
		long sum = 0;
		for (Future<Long> result : results)
			sum += result.get();
		System.out.println("pool " + sum + " monitor " + monitorSum);

		ConcurrentHashMap<Integer, AtomicLong> counts = new ConcurrentHashMap<>();
		IntStream.range(0, 200000).parallel().forEach(
			i -> counts.computeIfAbsent(i % 97, k -> new AtomicLong()).incrementAndGet());
		System.out.println("parallel " + counts.size() + " " + counts.get(5));

		SynchronousQueue<Integer> queue = new SynchronousQueue<>();
		Thread producer = new Thread(() -> {
			try {
				for (int i = 0; i < 2000; i++)
					queue.put(i);
			} catch (InterruptedException e) {
				System.out.println("interrupted");
			}
		});
		producer.start();
		long taken = 0;
		for (int i = 0; i < 2000; i++)
			taken += queue.take();
		producer.join();
		System.out.println("queue " + taken);

		Thread sleeper = new Thread(() -> {
			try {
				Thread.sleep(100000);
			} catch (InterruptedException e) {
				System.out.println("woken");
			}
		});
		sleeper.start();
		sleeper.interrupt();
		sleeper.join();
		System.out.println("children " + child(1) + " " + child(2));
		System.gc();
		System.out.println("garbage collected "
			+ java.lang.management.ManagementFactory.getGarbageCollectorMXBeans().stream()
				.anyMatch(b -> b.getCollectionCount() > 0));
		pool.shutdown();
	}
}
