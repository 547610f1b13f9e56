# Rate and mean latency over depth, one curve for each block of the data: gnuplot -c depth.gnuplot DATA SVG. Used by bench.py.
set terminal svg size 1000,420 dynamic background rgb "white"
set output ARG2
set multiplot layout 1,2
set logscale x 2
set xlabel "reads in flight"
set xtics 1,2,256
set grid
set key left top
set title "4 KiB random reads per second"
set yrange [0:*]
plot for [block=0:2] ARG1 index block using 1:2 with linespoints linewidth 2 title columnheader(1)
set title "mean latency, µs"
set yrange [*:*]
set logscale y
plot for [block=0:2] ARG1 index block using 1:3 with linespoints linewidth 2 title columnheader(1)
unset multiplot
